package dev.serval.server;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.GenerationRequest;
import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import io.vertx.ext.web.RoutingContext;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What {@link OpenAiRoutes} take and from whom. Immutable. */
public final class OpenAiOptions {
  private final Function<RoutingContext, IsolationScope> scope;
  private final Function<RoutingContext, Tenant> tenant;
  private final Function<RoutingContext, ServiceLevel> level;
  private final Bytes bodyLimit;
  private final int maxConcurrent;
  private final int maxChoices;
  private final Optional<Duration> timeout;
  private final Set<String> apiKeys;
  private final Set<String> allowedOrigins;
  private final Optional<Executor> executor;
  private final Clock clock;

  private OpenAiOptions(Builder b) {
    scope = b.scope;
    tenant = b.tenant == null ? ctx -> tenantOf(b.scope.apply(ctx)) : b.tenant;
    level = b.level;
    bodyLimit = b.bodyLimit;
    maxConcurrent = b.maxConcurrent;
    maxChoices = b.maxChoices;
    timeout = b.timeout;
    apiKeys = b.apiKeys;
    allowedOrigins = b.allowedOrigins;
    executor = b.executor;
    clock = b.clock;
  }

  /**
   * Starts from the defaults.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Whose cached data a request may meet.
   *
   * @return the function from the request, as the host's handlers have left it, to the scope
   */
  public Function<RoutingContext, IsolationScope> scope() {
    return scope;
  }

  private static Tenant tenantOf(IsolationScope scope) {
    return scope.shared() || scope.name().isEmpty() ? Tenant.HOST : Tenant.of(scope.name());
  }

  /**
   * On whose account a request runs.
   *
   * @return the function from the request, as the host's handlers have left it, to the tenant
   */
  public Function<RoutingContext, Tenant> tenant() {
    return tenant;
  }

  /**
   * What a request's class is promised.
   *
   * @return the function from the request, as the host's handlers have left it, to the level
   */
  public Function<RoutingContext, ServiceLevel> level() {
    return level;
  }

  /**
   * How large a request's body may be.
   *
   * @return the limit
   */
  public Bytes bodyLimit() {
    return bodyLimit;
  }

  /**
   * How many generation requests are served at once, waiting ones included.
   *
   * @return the number, at least 1
   */
  public int maxConcurrent() {
    return maxConcurrent;
  }

  /**
   * How many choices one request may ask for, over all of its prompts.
   *
   * @return the number, at least 1
   */
  public int maxChoices() {
    return maxChoices;
  }

  /**
   * How long a generation request may take.
   *
   * @return the limit; empty for none
   */
  public Optional<Duration> timeout() {
    return timeout;
  }

  /**
   * The keys of which a client must bring one.
   *
   * @return the keys; empty where none is asked for
   */
  public Set<String> apiKeys() {
    return apiKeys;
  }

  /**
   * The origins whose pages may call the routes (CORS).
   *
   * @return the origins; empty for none
   */
  public Set<String> allowedOrigins() {
    return allowedOrigins;
  }

  /**
   * Where bodies are read, prompts tokenised and answers written.
   *
   * @return the executor; empty for the worker pool of the host's Vert.x
   */
  public Optional<Executor> executor() {
    return executor;
  }

  /**
   * Tells when a request was taken.
   *
   * @return the clock
   */
  public Clock clock() {
    return clock;
  }

  /** Collects options; {@link #build()} checks them. */
  public static final class Builder {
    private Function<RoutingContext, IsolationScope> scope = ctx -> IsolationScope.HOST;
    private @Nullable Function<RoutingContext, Tenant> tenant;
    private Function<RoutingContext, ServiceLevel> level = ctx -> ServiceLevel.INTERACTIVE;
    private Bytes bodyLimit = Bytes.mebi(8);
    private int maxConcurrent = 1024;
    private int maxChoices = GenerationRequest.MAX_CHOICES;
    private Optional<Duration> timeout = Optional.empty();
    private Set<String> apiKeys = Set.of();
    private Set<String> allowedOrigins = Set.of();
    private Optional<Executor> executor = Optional.empty();
    private Clock clock = Clock.systemUTC();

    private Builder() {}

    /**
     * Tells principals apart. The function is called on the request's context with what the host's
     * own handlers, mounted before, have put there; a request's body has no say in it.
     *
     * @param value from the request to its scope; {@link IsolationScope#HOST} for all unless set
     * @return this builder
     */
    public Builder scope(Function<RoutingContext, IsolationScope> value) {
      scope = value;
      return this;
    }

    /**
     * Tells on whose account a request runs: its weight where tenants compete, and its quota.
     * Called as {@link #scope(Function)} is; a request's body has no say in it.
     *
     * @param value from the request to its tenant; unless set, each private scope is a tenant of
     *     the same name without a quota, and all else runs on {@link Tenant#HOST}'s account
     * @return this builder
     */
    public Builder tenant(Function<RoutingContext, Tenant> value) {
      tenant = value;
      return this;
    }

    /**
     * Tells what a request's class is promised. Called as {@link #scope(Function)} is. A client may
     * ask for less, never for more: {@code "service_tier": "flex"} makes it {@link
     * ServiceLevel#BATCH}, if that yields more readily.
     *
     * @param value from the request to its level; {@link ServiceLevel#INTERACTIVE} for all unless
     *     set
     * @return this builder
     */
    public Builder level(Function<RoutingContext, ServiceLevel> value) {
      level = value;
      return this;
    }

    /**
     * Takes tenants by their keys: a client brings a key as {@code Authorization: Bearer KEY}, runs
     * on the account of the tenant that has it, and meets that tenant's cached data alone. Sets the
     * keys, the tenants and the scopes.
     *
     * @param values from each key to its tenant, whose name is not empty
     * @return this builder
     */
    public Builder tenants(Map<String, Tenant> values) {
      TenantKeys keys = new TenantKeys(values);
      scope = keys::scope;
      tenant = keys::tenant;
      return apiKeys(values.keySet());
    }

    /**
     * Limits the bodies of requests.
     *
     * @param value the limit, at least a byte; 8 MiB unless set
     * @return this builder
     */
    public Builder bodyLimit(Bytes value) {
      bodyLimit = value;
      return this;
    }

    /**
     * Limits how many generation requests are served at once; those beyond are told to come back.
     *
     * @param value the number, at least 1; 1024 unless set
     * @return this builder
     */
    public Builder maxConcurrent(int value) {
      maxConcurrent = value;
      return this;
    }

    /**
     * Limits the choices of a request.
     *
     * @param value the number over all prompts, at least 1; 128 unless set
     * @return this builder
     */
    public Builder maxChoices(int value) {
      maxChoices = value;
      return this;
    }

    /**
     * Limits how long a generation request may take, waiting included; it is then cancelled, and
     * one that cannot be in time is refused at once.
     *
     * @param value the limit, at least a millisecond; none unless set
     * @return this builder
     */
    public Builder timeout(Duration value) {
      timeout = Optional.of(value);
      return this;
    }

    /**
     * Asks clients for a key, as {@code Authorization: Bearer KEY}.
     *
     * @param values the keys that are good; none is asked for unless set
     * @return this builder
     */
    public Builder apiKeys(Set<String> values) {
      apiKeys = Set.copyOf(values);
      return this;
    }

    /**
     * Lets pages of other origins call the routes (CORS).
     *
     * @param values the origins, such as {@code https://app.example}, or {@code *} for all; none
     *     unless set
     * @return this builder
     */
    public Builder allowedOrigins(Set<String> values) {
      allowedOrigins = Set.copyOf(values);
      return this;
    }

    /**
     * Moves the work that is too long for an event loop off the worker pool of the host's Vert.x.
     *
     * @param value the executor, which the host closes
     * @return this builder
     */
    public Builder executor(Executor value) {
      executor = Optional.of(value);
      return this;
    }

    /**
     * Sets the clock.
     *
     * @param value tells when a request was taken; the system's unless set
     * @return this builder
     */
    public Builder clock(Clock value) {
      clock = value;
      return this;
    }

    /**
     * Checks and concludes.
     *
     * @return the options
     * @throws ConfigurationException with everything that is wrong
     */
    public OpenAiOptions build() {
      List<String> problems = new ArrayList<>();
      check(
          bodyLimit.count() >= 1 && bodyLimit.count() <= Integer.MAX_VALUE,
          "bodyLimit lies between 1 byte and 2 GiB, unlike " + bodyLimit,
          problems);
      check(maxConcurrent >= 1, "maxConcurrent is at least 1, unlike " + maxConcurrent, problems);
      check(maxChoices >= 1, "maxChoices is at least 1, unlike " + maxChoices, problems);
      check(
          timeout.map(Duration::toMillis).orElse(1L) >= 1,
          "timeout is at least a millisecond, unlike " + timeout.orElse(Duration.ZERO),
          problems);
      check(apiKeys.stream().noneMatch(String::isBlank), "apiKeys holds a blank key", problems);
      if (!problems.isEmpty()) {
        throw new ConfigurationException(problems);
      }
      return new OpenAiOptions(this);
    }

    private static void check(boolean right, String problem, List<String> problems) {
      if (!right) {
        problems.add(problem);
      }
    }
  }
}

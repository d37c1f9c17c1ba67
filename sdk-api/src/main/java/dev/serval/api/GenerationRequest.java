package dev.serval.api;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is to be generated, for whom and within which limits. Immutable; built by {@link #of} or
 * {@link #builder}.
 */
public final class GenerationRequest {
  /** How many stop strings a request may have. */
  public static final int MAX_STOP_STRINGS = 16;

  /** How many alternatives may be asked for at each token. */
  public static final int MAX_TOP_LOGPROBS = 20;

  /** How many choices a request may have. */
  public static final int MAX_CHOICES = 128;

  private final Prompt prompt;
  private final @Nullable String model;
  private final String prediction;
  private final Sampling sampling;
  private final OptionalInt maxTokens;
  private final List<String> stopStrings;
  private final Set<Integer> stopTokenIds;
  private final boolean ignoreEos;
  private final OptionalInt logprobs;
  private final int choices;
  private final boolean explained;
  private final int priority;
  private final IsolationScope scope;
  private final ServiceLevel level;
  private final Tenant tenant;
  private final @Nullable Duration deadline;

  private GenerationRequest(Builder b) {
    prompt = b.prompt;
    model = b.model;
    prediction = b.prediction;
    sampling = b.sampling;
    maxTokens = b.maxTokens;
    stopStrings = List.copyOf(b.stopStrings);
    stopTokenIds = Set.copyOf(b.stopTokenIds);
    ignoreEos = b.ignoreEos;
    logprobs = b.logprobs;
    choices = b.choices;
    explained = b.explained;
    priority = b.priority;
    scope = b.scope;
    level = b.level;
    tenant = b.tenant;
    deadline = b.deadline;
  }

  /**
   * A greedy continuation of the prompt by the runtime's first model, up to the model's context.
   *
   * @param prompt what to continue
   * @return the request
   */
  public static GenerationRequest of(Prompt prompt) {
    return builder(prompt).build();
  }

  /**
   * Starts a request.
   *
   * @param prompt what to continue
   * @return a new builder
   */
  public static Builder builder(Prompt prompt) {
    return new Builder(prompt);
  }

  /**
   * What to continue.
   *
   * @return the prompt
   */
  public Prompt prompt() {
    return prompt;
  }

  /**
   * Which model continues it.
   *
   * @return the served model's name; empty for the runtime's first
   */
  public Optional<String> model() {
    return Optional.ofNullable(model);
  }

  /**
   * What the answer is expected to be much like.
   *
   * @return the text; empty for no expectation
   */
  public String prediction() {
    return prediction;
  }

  /**
   * How tokens are drawn.
   *
   * @return the sampling parameters
   */
  public Sampling sampling() {
    return sampling;
  }

  /**
   * How many tokens at most each choice may have.
   *
   * @return the limit; empty for as many as the context holds
   */
  public OptionalInt maxTokens() {
    return maxTokens;
  }

  /**
   * The texts that end a choice; they are not part of its text.
   *
   * @return the stop strings, none empty
   */
  public List<String> stopStrings() {
    return stopStrings;
  }

  /**
   * The tokens that end a choice besides the model's own.
   *
   * @return the ids
   */
  public Set<Integer> stopTokenIds() {
    return stopTokenIds;
  }

  /**
   * Whether the model's own end-of-sequence tokens are taken as any other.
   *
   * @return true to generate on
   */
  public boolean ignoreEos() {
    return ignoreEos;
  }

  /**
   * Whether the tokens' probabilities are wanted.
   *
   * @return how many alternatives at each token, 0 for the token's own alone; empty for none at all
   */
  public OptionalInt logprobs() {
    return logprobs;
  }

  /**
   * How many continuations are wanted. Each has a draw of its own: choice {@code i} begins at the
   * seed plus {@code i}.
   *
   * @return the number, at least 1
   */
  public int choices() {
    return choices;
  }

  /**
   * Whether the result shall tell where the time went.
   *
   * @return true for {@link GenerationResult#timelines()}
   */
  public boolean explained() {
    return explained;
  }

  /**
   * How urgent it is, for policies that look at it.
   *
   * @return the priority; lower is sooner, as in vLLM, and 0 is usual
   */
  public int priority() {
    return priority;
  }

  /**
   * Whose cached data it may meet.
   *
   * @return the isolation scope
   */
  public IsolationScope scope() {
    return scope;
  }

  /**
   * What its class is promised.
   *
   * @return the service level
   */
  public ServiceLevel level() {
    return level;
  }

  /**
   * On whose account it runs.
   *
   * @return the tenant
   */
  public Tenant tenant() {
    return tenant;
  }

  /**
   * How long after its submission the answer is of no use any more.
   *
   * @return the time; empty for never
   */
  public Optional<Duration> deadline() {
    return Optional.ofNullable(deadline);
  }

  /** Collects a request; {@link #build()} checks it. */
  public static final class Builder {
    private final Prompt prompt;
    private @Nullable String model;
    private String prediction = "";
    private Sampling sampling = Sampling.GREEDY;
    private OptionalInt maxTokens = OptionalInt.empty();
    private List<String> stopStrings = List.of();
    private Set<Integer> stopTokenIds = Set.of();
    private boolean ignoreEos;
    private OptionalInt logprobs = OptionalInt.empty();
    private int choices = 1;
    private boolean explained;
    private int priority;
    private IsolationScope scope = IsolationScope.HOST;
    private ServiceLevel level = ServiceLevel.INTERACTIVE;
    private Tenant tenant = Tenant.HOST;
    private @Nullable Duration deadline;

    private Builder(Prompt prompt) {
      this.prompt = Objects.requireNonNull(prompt, "prompt");
    }

    /**
     * Picks the model.
     *
     * @param name the served model's name
     * @return this builder
     */
    public Builder model(String name) {
      model = name;
      return this;
    }

    /**
     * Says what the answer is expected to be much like: a text that is to be changed in a few
     * places, for instance. Where the answer has the same tokens they come sooner; which tokens it
     * has does not depend on it.
     *
     * @param text the text
     * @return this builder
     */
    public Builder prediction(String text) {
      prediction = Objects.requireNonNull(text, "prediction");
      return this;
    }

    /**
     * Sets how tokens are drawn.
     *
     * @param value the parameters; {@link Sampling#GREEDY} unless set
     * @return this builder
     */
    public Builder sampling(Sampling value) {
      sampling = value;
      return this;
    }

    /**
     * Limits the tokens of each choice.
     *
     * @param value the limit, at least 1
     * @return this builder
     */
    public Builder maxTokens(int value) {
      maxTokens = OptionalInt.of(value);
      return this;
    }

    /**
     * Sets the texts that end a choice.
     *
     * @param values at most {@value GenerationRequest#MAX_STOP_STRINGS}, none empty
     * @return this builder
     */
    public Builder stopStrings(List<String> values) {
      stopStrings = values;
      return this;
    }

    /**
     * Sets the tokens that end a choice besides the model's own.
     *
     * @param ids the ids
     * @return this builder
     */
    public Builder stopTokenIds(Set<Integer> ids) {
      stopTokenIds = ids;
      return this;
    }

    /**
     * Takes the model's own end-of-sequence tokens as any other.
     *
     * @param value true to generate on
     * @return this builder
     */
    public Builder ignoreEos(boolean value) {
      ignoreEos = value;
      return this;
    }

    /**
     * Asks for the tokens' probabilities.
     *
     * @param alternatives how many alternatives at each token, 0 to {@value
     *     GenerationRequest#MAX_TOP_LOGPROBS}
     * @return this builder
     */
    public Builder logprobs(int alternatives) {
      logprobs = OptionalInt.of(alternatives);
      return this;
    }

    /**
     * Asks for several continuations.
     *
     * @param count how many, 1 to {@value GenerationRequest#MAX_CHOICES}
     * @return this builder
     */
    public Builder choices(int count) {
      choices = count;
      return this;
    }

    /**
     * Asks for {@link GenerationResult#timelines()}: where the time went. Costs nothing where it is
     * not asked for.
     *
     * @param value true to be told
     * @return this builder
     */
    public Builder explained(boolean value) {
      explained = value;
      return this;
    }

    /**
     * Sets how urgent it is.
     *
     * @param value lower is sooner
     * @return this builder
     */
    public Builder priority(int value) {
      priority = value;
      return this;
    }

    /**
     * Sets whose cached data it may meet.
     *
     * @param value the scope, from the host's own principal
     * @return this builder
     */
    public Builder scope(IsolationScope value) {
      scope = value;
      return this;
    }

    /**
     * Sets what its class is promised.
     *
     * @param value the service level; {@link ServiceLevel#INTERACTIVE} unless set
     * @return this builder
     */
    public Builder level(ServiceLevel value) {
      level = value;
      return this;
    }

    /**
     * Sets on whose account it runs.
     *
     * @param value the tenant, from the host's own principal; {@link Tenant#HOST} unless set
     * @return this builder
     */
    public Builder tenant(Tenant value) {
      tenant = value;
      return this;
    }

    /**
     * Sets when the answer is of no use any more: whatever is not generated by then is not
     * generated, and the request is refused at once if it cannot be in time.
     *
     * @param value the time from its submission, positive
     * @return this builder
     */
    public Builder deadline(Duration value) {
      deadline = value;
      return this;
    }

    /**
     * Checks and concludes.
     *
     * @return the request
     * @throws InvalidRequestException when a value is out of its range, naming the parameter
     */
    public GenerationRequest build() {
      int limit = maxTokens.orElse(1);
      int alternatives = logprobs.orElse(0);
      check(limit >= 1, "max_tokens", "max_tokens is at least 1, unlike " + limit);
      check(
          stopStrings.size() <= MAX_STOP_STRINGS,
          "stop",
          "at most " + MAX_STOP_STRINGS + " stop strings are allowed, not " + stopStrings.size());
      check(stopStrings.stream().noneMatch(String::isEmpty), "stop", "a stop string is not empty");
      check(
          alternatives >= 0 && alternatives <= MAX_TOP_LOGPROBS,
          "top_logprobs",
          "0 to " + MAX_TOP_LOGPROBS + " alternatives can be had at a token, not " + alternatives);
      check(
          choices >= 1 && choices <= MAX_CHOICES,
          "n",
          "n lies between 1 and " + MAX_CHOICES + ", unlike " + choices);
      check(
          deadline == null || deadline.isPositive(),
          "deadline",
          "a deadline lies ahead, unlike " + deadline);
      return new GenerationRequest(this);
    }

    private static void check(boolean right, String parameter, String message) {
      if (!right) {
        throw new InvalidRequestException(parameter, message);
      }
    }
  }
}

package dev.serval.simulator;

import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.model.StepLimits;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A trace, the policies it is replayed with, and the machine it is replayed on. The scheduler, the
 * block pool and the prefix index are those that serve in production; only the model's computation
 * is replaced, by the time that it would take.
 *
 * <pre>{@code
 * SimulationReport report =
 *     Simulation.builder(Workloads.poisson(...))
 *         .policies(new BatchingPolicies(admission, myOrder, chunk, victim))
 *         .build()
 *         .run();
 * assertThat(report.all().firstToken().percentile(99)).isLessThan(Duration.ofSeconds(1));
 * }</pre>
 *
 * <p>Immutable; each run begins anew and does the same as the last one, unless the policies keep
 * something between runs.
 */
public final class Simulation {
  private final Trace trace;
  private final BatchingPolicies policies;
  private final MachineCosts costs;
  private final double jitter;
  private final long seed;
  private final StepLimits limits;
  private final int blocks;
  private final int blockTokens;
  private final boolean prefixReuse;
  private final boolean explained;
  private final int answerLimit;
  private final Map<String, ServiceTerms> terms;
  private final EngineListener listener;

  private Simulation(Builder b) {
    trace = b.trace;
    policies = b.policies;
    costs = b.costs;
    jitter = b.jitter;
    seed = b.seed;
    limits = b.limits;
    blockTokens = b.blockTokens;
    blocks = b.blocks == Builder.UNLIMITED ? enoughBlocks(b.trace, blockTokens) : b.blocks;
    prefixReuse = b.prefixReuse;
    explained = b.explained;
    answerLimit = b.answerLimit;
    terms = b.terms();
    listener = b.listener;
  }

  /** As many as all requests of the trace fill together. */
  private static int enoughBlocks(Trace trace, int blockTokens) {
    long enough =
        trace.requests().stream()
            .mapToLong(r -> Math.ceilDiv((long) r.promptTokens() + r.outputTokens(), blockTokens))
            .sum();
    return (int) Math.min(enough + 2, Integer.MAX_VALUE / 4);
  }

  /**
   * Starts a simulation of a trace: first come first served, chunks of 512 tokens, a small model on
   * a processor, as many KV blocks as the trace can fill.
   *
   * @param trace what arrives
   * @return a new builder
   */
  public static Builder builder(Trace trace) {
    return new Builder(trace);
  }

  /**
   * Replays the trace to its end, on the caller's thread.
   *
   * @return what came of it
   * @throws SimulationException when a policy throws or answers what makes no sense
   */
  public SimulationReport run() {
    return new Replay(this).run();
  }

  Trace trace() {
    return trace;
  }

  BatchingPolicies policies() {
    return policies;
  }

  MachineCosts costs() {
    return costs;
  }

  double jitter() {
    return jitter;
  }

  long seed() {
    return seed;
  }

  StepLimits limits() {
    return limits;
  }

  int blocks() {
    return blocks;
  }

  int blockTokens() {
    return blockTokens;
  }

  boolean prefixReuse() {
    return prefixReuse;
  }

  boolean explained() {
    return explained;
  }

  /** How many tokens the engine is told that an answer may have, if it is no longer than that. */
  int answerLimit() {
    return answerLimit;
  }

  /** How a request of the trace is to be served. */
  ServiceTerms terms(TracedRequest request) {
    return Objects.requireNonNull(terms.get(termsKey(request)));
  }

  private static String termsKey(TracedRequest request) {
    return request.serviceClass() + "\n" + request.tenant();
  }

  EngineListener listener() {
    return listener;
  }

  /** Collects a simulation; {@link #build()} checks it. */
  public static final class Builder {
    private static final int UNLIMITED = 0;

    private final Trace trace;
    private final List<String> problems = new ArrayList<>();
    private BatchingPolicies policies =
        new BatchingPolicies(
            AdmissionPolicies.maxWaiting(Integer.MAX_VALUE),
            OrderPolicies.firstComeFirstServed(),
            ChunkPolicies.fixedBudget(512),
            VictimPolicies.lastIn());
    private MachineCosts costs = MachineCosts.smallModelOnProcessor();
    private double jitter;
    private long seed;
    private StepLimits limits = new StepLimits(2048, 64);
    private int blocks = UNLIMITED;
    private int blockTokens = 16;
    private boolean prefixReuse = true;
    private boolean explained;
    private int answerLimit = 1;
    private final Map<String, ServiceLevel> levels = new HashMap<>();
    private final Map<String, Tenant> tenants = new HashMap<>();
    private EngineListener listener = EngineListener.NONE;

    private Builder(Trace trace) {
      this.trace = trace;
      levels.put("", ServiceLevel.INTERACTIVE);
      level(ServiceLevel.INTERACTIVE);
      level(ServiceLevel.BATCH);
      tenants.put("", Tenant.HOST);
    }

    /**
     * Sets who decides.
     *
     * @param value the policies; nothing is drafted, whatever theirs of drafts says
     * @return this builder
     */
    public Builder policies(BatchingPolicies value) {
      policies = value;
      return this;
    }

    /**
     * Sets how long steps take.
     *
     * @param value what they cost on the machine
     * @return this builder
     */
    public Builder costs(MachineCosts value) {
      costs = value;
      return this;
    }

    /**
     * Lets steps take more or less time than the costs say, as on a machine that has other things
     * to do.
     *
     * @param deviation the standard deviation of the logarithm of a step's time, at least 0
     * @return this builder
     */
    public Builder jitter(double deviation) {
      jitter = deviation;
      return this;
    }

    /**
     * Sets where the jitter begins.
     *
     * @param value the seed; the same seed gives the same run
     * @return this builder
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * Sets how large a step can be.
     *
     * @param value the limits of the executor
     * @return this builder
     */
    public Builder limits(StepLimits value) {
      limits = value;
      return this;
    }

    /**
     * Limits the KV cache; without this it never runs out of blocks.
     *
     * @param count how many blocks there are, at least 1
     * @return this builder
     */
    public Builder blocks(int count) {
      blocks = count;
      require(count >= 1, "blocks: at least 1, unlike " + count);
      return this;
    }

    /**
     * Sets how large a block is.
     *
     * @param tokens how many tokens a KV block holds, at least 1
     * @return this builder
     */
    public Builder blockTokens(int tokens) {
      blockTokens = tokens;
      require(tokens >= 1, "blockTokens: at least 1, unlike " + tokens);
      return this;
    }

    /**
     * Sets whether what was computed is found again.
     *
     * @param value true unless set
     * @return this builder
     */
    public Builder prefixReuse(boolean value) {
      prefixReuse = value;
      return this;
    }

    /**
     * Says what a class of the trace is promised. Requests without a class are of the level {@link
     * ServiceLevel#INTERACTIVE}, and so are those of the class of that name, unless set.
     *
     * @param value the level, under the class's name
     * @return this builder
     */
    public Builder level(ServiceLevel value) {
      levels.put(value.name(), value);
      return this;
    }

    /**
     * Sets a tenant's weight and quota; those that are not set weigh 1 and have no quota.
     *
     * @param value the tenant, under the name that the trace has for it
     * @return this builder
     */
    public Builder tenant(Tenant value) {
      tenants.put(value.name(), value);
      return this;
    }

    /**
     * Asks for what the time of requests went into.
     *
     * @param value true to have {@link RequestGroup#causes()}
     * @return this builder
     */
    public Builder explained(boolean value) {
      explained = value;
      return this;
    }

    /**
     * Lets answers end by themselves, within a limit that all requests have, so that nobody knows
     * beforehand how long they will be. Without this each request's limit is what it generates.
     *
     * @param tokens the limit, at least 1; longer answers still have their own
     * @return this builder
     */
    public Builder answerLimit(int tokens) {
      answerLimit = tokens;
      require(tokens >= 1, "answerLimit: at least 1, unlike " + tokens);
      return this;
    }

    private Map<String, ServiceTerms> terms() {
      Map<String, ServiceTerms> terms = new HashMap<>();
      for (TracedRequest request : trace.requests()) {
        terms.computeIfAbsent(termsKey(request), key -> terms(request));
      }
      return terms;
    }

    private ServiceTerms terms(TracedRequest request) {
      ServiceLevel level = levels.get(request.serviceClass());
      if (level == null) {
        throw new IllegalArgumentException(
            "the trace has requests of class '%s', and no level of that name; there are %s"
                .formatted(
                    request.serviceClass(),
                    levels.keySet().stream().filter(name -> !name.isEmpty()).sorted().toList()));
      }
      Tenant tenant = tenants.get(request.tenant());
      return new ServiceTerms(level, tenant == null ? Tenant.of(request.tenant()) : tenant, null);
    }

    /**
     * Sets who hears what the engine does.
     *
     * @param value the listener
     * @return this builder
     */
    public Builder listener(EngineListener value) {
      listener = value;
      return this;
    }

    private void require(boolean right, String problem) {
      if (!right) {
        problems.add(problem);
      }
    }

    /**
     * Checks and concludes.
     *
     * @return the simulation
     * @throws IllegalArgumentException when something is out of its range, naming all that is
     */
    public Simulation build() {
      require(jitter >= 0 && jitter < 2, "jitter: from 0 to below 2, unlike " + jitter);
      require(
          (long) blocks * blockTokens >= 2 || blocks == UNLIMITED,
          "blocks: room for 2 tokens at least");
      if (!problems.isEmpty()) {
        throw new IllegalArgumentException(String.join("; ", problems));
      }
      return new Simulation(this);
    }
  }
}

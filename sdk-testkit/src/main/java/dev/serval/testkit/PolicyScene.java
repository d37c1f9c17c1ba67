package dev.serval.testkit;

import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.cache.KvDemand;
import dev.serval.api.model.StepLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * An engine as a policy might find it, made up at random but never contradicting itself.
 *
 * @param nowNanos what time it is
 * @param waitingViews the sequences that wait
 * @param runningViews those that hold KV
 * @param freeBlocks the free KV blocks
 * @param totalBlocks all KV blocks
 * @param limits the executor's limits
 * @param costs what steps cost
 */
record PolicyScene(
    long nowNanos,
    List<Sequence> waitingViews,
    List<Sequence> runningViews,
    int freeBlocks,
    int totalBlocks,
    StepLimits limits,
    StepCosts costs)
    implements EngineSnapshot {
  private static final int BLOCK_TOKENS = 16;
  private static final List<IsolationScope> SCOPES =
      List.of(IsolationScope.HOST, IsolationScope.of("anna"), IsolationScope.shared("docs"));

  private static final List<Tenant> TENANTS =
      List.of(Tenant.HOST, Tenant.of("anna"), Tenant.of("ben").withWeight(3));
  private static final List<ServiceLevel> LEVELS =
      List.of(
          ServiceLevel.INTERACTIVE,
          ServiceLevel.BATCH,
          new ServiceLevel("strict", 0, Duration.ofMillis(50), Duration.ofMillis(5)));

  /** A sequence that never changes. */
  record Sequence(
      String id,
      long submittedNanos,
      long arrival,
      int priority,
      IsolationScope scope,
      int promptTokens,
      int totalTokens,
      int computedTokens,
      int remainingTokens,
      int heldBlocks,
      int preemptions,
      ServiceLevel level,
      Tenant tenant,
      double tenantService,
      long deadlineNanos,
      int cachedPromptTokens,
      long lastTokenNanos,
      long waitingSinceNanos)
      implements SequenceView {}

  static PolicyScene random(Random random, int waiting, int running) {
    long now = random.nextLong(1L << 40);
    double[] service = random.doubles(TENANTS.size(), 0, 1e6).toArray();
    List<Sequence> all = new ArrayList<>();
    for (int i = 0; i < waiting + running; i++) {
      all.add(sequence(random, i, now, i < running, service));
    }
    int held = all.stream().mapToInt(Sequence::heldBlocks).sum();
    int free = random.nextInt(100);
    return new PolicyScene(
        now,
        List.copyOf(all.subList(running, all.size())),
        List.copyOf(all.subList(0, running)),
        free,
        held + free,
        new StepLimits(1024, 256),
        random.nextInt(4) == 0 ? StepCosts.UNKNOWN : Costs.random(random));
  }

  private static Sequence sequence(
      Random random, int arrival, long now, boolean running, double[] service) {
    int prompt = 1 + random.nextInt(5000);
    int total = prompt + (random.nextBoolean() ? 0 : random.nextInt(500));
    int computed = running ? random.nextInt(total) : 0;
    long submitted = now - random.nextLong(now + 1);
    Tenant tenant = TENANTS.get(random.nextInt(TENANTS.size()));
    return new Sequence(
        "sequence-" + arrival,
        submitted,
        arrival,
        priority(random),
        SCOPES.get(random.nextInt(SCOPES.size())),
        prompt,
        total,
        computed,
        1 + random.nextInt(1000),
        running ? Math.ceilDiv(total, BLOCK_TOKENS) : 0,
        random.nextInt(3),
        LEVELS.get(random.nextInt(LEVELS.size())),
        tenant,
        service[TENANTS.indexOf(tenant)],
        random.nextBoolean() ? Long.MAX_VALUE : now + random.nextLong(1L << 40),
        random.nextInt(prompt),
        total == prompt ? submitted : now - random.nextLong(now - submitted + 1),
        now - random.nextLong(now - submitted + 1));
  }

  private static int priority(Random random) {
    return switch (random.nextInt(10)) {
      case 0 -> Integer.MIN_VALUE;
      case 1 -> Integer.MAX_VALUE;
      default -> random.nextInt(-3, 4);
    };
  }

  @Override
  public int waiting() {
    return waitingViews.size();
  }

  @Override
  public SequenceView waiting(int index) {
    return waitingViews.get(index);
  }

  @Override
  public int running() {
    return runningViews.size();
  }

  @Override
  public SequenceView running(int index) {
    return runningViews.get(index);
  }

  @Override
  public int foreseenBlocks(SequenceView next) {
    return totalBlocks - freeBlocks + next.remainingTokens() / BLOCK_TOKENS;
  }

  @Override
  public KvDemand demand() {
    return KvDemand.ofAll(BLOCK_TOKENS);
  }

  /** What steps cost, exactly as the formula has it. */
  private record Costs(
      double launch, double cachedToken, double token, double pair, double decode, long errorNanos)
      implements StepCosts {
    static Costs random(Random random) {
      return new Costs(
          random.nextDouble(1e7),
          random.nextDouble(100),
          random.nextDouble(1e6),
          random.nextDouble(100),
          random.nextDouble(1e6),
          random.nextLong(1_000_000));
    }

    @Override
    public boolean known() {
      return true;
    }

    @Override
    public long predictNanos(long cached, long fresh, double pairs, int decodes) {
      return (long)
          (launch + cachedToken * cached + token * fresh + pair * pairs + decode * decodes);
    }
  }

  /** A plan that has so many decodes, and nothing else. */
  record Plan(int decodes, long dueNanos) implements StepPlan {
    @Override
    public int tokens() {
      return decodes;
    }

    @Override
    public int sequences() {
      return decodes;
    }

    @Override
    public long cachedTokens() {
      return 100L * decodes;
    }

    @Override
    public double attentionPairs() {
      return 0;
    }

    @Override
    public long dueNanos(int rank) {
      return dueNanos;
    }
  }
}

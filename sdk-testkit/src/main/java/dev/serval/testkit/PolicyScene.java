package dev.serval.testkit;

import dev.serval.api.IsolationScope;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.model.StepLimits;
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
 */
record PolicyScene(
    long nowNanos,
    List<Sequence> waitingViews,
    List<Sequence> runningViews,
    int freeBlocks,
    int totalBlocks,
    StepLimits limits)
    implements EngineSnapshot {
  private static final int BLOCK_TOKENS = 16;
  private static final List<IsolationScope> SCOPES =
      List.of(IsolationScope.HOST, IsolationScope.of("anna"), IsolationScope.shared("docs"));

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
      int preemptions)
      implements SequenceView {}

  static PolicyScene random(Random random, int waiting, int running) {
    long now = random.nextLong(1L << 40);
    List<Sequence> all = new ArrayList<>();
    for (int i = 0; i < waiting + running; i++) {
      all.add(sequence(random, i, now, i < running));
    }
    int held = all.stream().mapToInt(Sequence::heldBlocks).sum();
    int free = random.nextInt(100);
    return new PolicyScene(
        now,
        List.copyOf(all.subList(running, all.size())),
        List.copyOf(all.subList(0, running)),
        free,
        held + free,
        new StepLimits(1024, 256));
  }

  private static Sequence sequence(Random random, int arrival, long now, boolean running) {
    int prompt = 1 + random.nextInt(5000);
    int total = prompt + (random.nextBoolean() ? 0 : random.nextInt(500));
    int computed = running ? random.nextInt(total) : 0;
    return new Sequence(
        "sequence-" + arrival,
        now - random.nextLong(now + 1),
        arrival,
        priority(random),
        SCOPES.get(random.nextInt(SCOPES.size())),
        prompt,
        total,
        computed,
        1 + random.nextInt(1000),
        running ? Math.ceilDiv(total, BLOCK_TOKENS) : 0,
        random.nextInt(3));
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
}

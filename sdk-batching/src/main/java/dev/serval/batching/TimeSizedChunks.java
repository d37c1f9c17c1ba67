package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.batching.StepPlan;

/** Prefill by the time it takes beside the decodes of a step. */
final class TimeSizedChunks implements ChunkPolicy {
  /*
   * What a neighbour feels is a step's time, and not its tokens: the same 512 tokens take an order of
   * magnitude longer at the end of a long prompt than at the beginning of a short one, on another
   * machine, or beside more decodes. So the step's time is what is planned:
   *
   *   room     = (min over the step's decodes (last token + tpot) − now) / slack
   *   chunk    = the most tokens n with  cost(plan + n tokens) <= room
   *
   * `cost` is fitted to the steps taken (StepCosts); the slack is the factor within which nearly all
   * of them kept to their prediction. The chunk is found by bisection: the cost grows with n,
   * attention makes it quadratic.
   *
   * A short prompt that ends in the step is like a decode from then on: a long one that comes at the
   * same time does not hold back its first token for longer than it may hold back its second.
   *
   * Whose target counts? All decodes', as long as the prompt's own first token can still be in time.
   * When it is about to be late, only those of its own class and above: lower classes yield. Among
   * decodes of its own class and below, a step always does a few tokens of prefill, whatever they
   * take: that is the quantum by which a target can be missed, and what keeps prefill from standing
   * still for ever beside decodes that alone take as long as their target. Beside a higher class it
   * does stand still.
   *
   * Without any target to keep, a step is still bounded, so that whoever comes next does not find one
   * that goes on for seconds.
   *
   * A decode of a lower class than others in the step is asked about too: it takes part if those keep
   * their targets with it, or if it has stood still for a second and more.
   */
  private static final int UNKNOWN_BUDGET = 64;
  private static final long LONGEST_STEP = 500_000_000;
  private static final long LONGEST_YIELD = 1_000_000_000;
  private static final int LEAST = 8;

  @Override
  public int chunk(SequenceView sequence, StepPlan plan, EngineSnapshot snapshot) {
    if (sequence.outstandingTokens() == 1 && sequence.generatedTokens() > 0) {
      return takesPart(sequence, plan, snapshot) ? 1 : 0;
    }
    if (!snapshot.costs().known()) {
      return Math.max(plan.tokens() == 0 ? 1 : 0, UNKNOWN_BUDGET - plan.tokens());
    }
    int most = Math.min(sequence.outstandingTokens(), snapshot.limits().tokens());
    int fits = largest(sequence, plan, snapshot.costs(), most, room(sequence, plan, snapshot));
    return fits < Math.min(most, LEAST) ? Math.min(most, least(sequence, plan)) : fits;
  }

  private static boolean takesPart(SequenceView decode, StepPlan plan, EngineSnapshot snapshot) {
    StepCosts costs = snapshot.costs();
    int above = decode.level().rank() - 1;
    long due = above < 0 ? Long.MAX_VALUE : plan.dueNanos(above);
    boolean starved = snapshot.nowNanos() - decode.lastTokenNanos() > LONGEST_YIELD;
    return due == Long.MAX_VALUE
        || starved
        || costs.predictNanos(
                plan.cachedTokens() + decode.computedTokens(),
                plan.chunkTokens(),
                plan.attentionPairs(),
                plan.decodes() + 1)
            <= withMargin(due - snapshot.nowNanos(), costs);
  }

  /** How long the step may take with the sequence's chunk in it, in nanoseconds. */
  private static long room(SequenceView sequence, StepPlan plan, EngineSnapshot snapshot) {
    boolean late = isLate(sequence, snapshot);
    long due = plan.dueNanos(late ? sequence.level().rank() : ServiceLevel.LOWEST_RANK);
    return due == Long.MAX_VALUE
        ? LONGEST_STEP
        : Math.min(withMargin(due - snapshot.nowNanos(), snapshot.costs()), LONGEST_STEP);
  }

  /** Whether its first token is hardly in time even if it were computed alone from now on. */
  private static boolean isLate(SequenceView sequence, EngineSnapshot snapshot) {
    long due = sequence.generatedTokens() > 0 ? Long.MAX_VALUE : sequence.dueNanos();
    if (due == Long.MAX_VALUE) {
      return false;
    }
    int cached = sequence.computedTokens();
    int tokens = sequence.outstandingTokens();
    double pairs = StepCosts.pairs(cached, tokens);
    long alone = snapshot.costs().predictNanos(cached, tokens, pairs, 0);
    return due - snapshot.nowNanos() < 2 * alone;
  }

  /** The tokens that go in whatever they take. */
  private static int least(SequenceView sequence, StepPlan plan) {
    int rank = sequence.level().rank();
    boolean yields = rank > 0 && plan.dueNanos(rank - 1) != Long.MAX_VALUE;
    boolean prefills = plan.chunkTokens() > 0;
    return plan.tokens() > 0 && (yields || prefills) ? 0 : LEAST;
  }

  private static long withMargin(long nanos, StepCosts costs) {
    return (long) (nanos / costs.slack());
  }

  private static int largest(
      SequenceView sequence, StepPlan plan, StepCosts costs, int most, long room) {
    int cached = sequence.computedTokens();
    if (costs.predictNanos(plan, cached, most) <= room) {
      return most;
    }
    int fits = 0;
    int exceeds = most;
    while (exceeds - fits > 1) {
      int middle = (fits + exceeds) >>> 1;
      if (costs.predictNanos(plan, cached, middle) <= room) {
        fits = middle;
      } else {
        exceeds = middle;
      }
    }
    return fits;
  }

  @Override
  public String toString() {
    return "as much as keeps the steps within the targets of the decodes beside it";
  }
}

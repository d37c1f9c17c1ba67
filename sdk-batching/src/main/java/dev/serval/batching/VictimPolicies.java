package dev.serval.batching;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.batching.VictimPolicy;

/** The stock {@linkplain VictimPolicy victim policies}. All of them take the lowest class first. */
public final class VictimPolicies {
  private VictimPolicies() {}

  /**
   * Who was handed over last gives way, so that the one handed over first always goes on.
   *
   * @return the policy
   */
  public static VictimPolicy lastIn() {
    return new Cheapest("the last to begin", (sequence, snapshot) -> -sequence.arrival());
  }

  /**
   * Who has the fewest tokens to compute again gives way; among equals the last that was handed
   * over.
   *
   * @return the policy
   */
  public static VictimPolicy leastComputed() {
    return new Cheapest(
        "the one with the least computed", (sequence, snapshot) -> sequence.computedTokens());
  }

  /**
   * Who frees its blocks at the least time for each gives way: the measured time to compute its
   * tokens again, divided by its blocks and by the share of its answer that is still to come. One
   * that is almost done frees its blocks soon by itself, and one with a long way to go would need
   * more and more of them. Among equals the last that was handed over.
   *
   * <p>None begins where it is {@linkplain EngineSnapshot#foreseenBlocks foreseen} that somebody
   * would have to give way.
   *
   * @return the policy
   */
  public static VictimPolicy leastCost() {
    return new Foreseeing(new Cheapest("the cheapest to compute again", VictimPolicies::cost));
  }

  private static double cost(SequenceView sequence, EngineSnapshot snapshot) {
    double again = recomputation(sequence.computedTokens(), snapshot.costs());
    double left = sequence.remainingTokens();
    double share = left / Math.max(1, left + sequence.generatedTokens());
    return again / (Math.max(1, sequence.heldBlocks()) * (0.1 + share));
  }

  private static double recomputation(int tokens, StepCosts costs) {
    if (!costs.known()) {
      return tokens;
    }
    long launch = costs.predictNanos(0, 0, 0, 0);
    return Math.max(0, costs.predictNanos(0, tokens, (double) tokens * tokens, 0) - launch);
  }

  /** What it costs if a sequence gives way. */
  @FunctionalInterface
  private interface Price {
    double of(SequenceView sequence, EngineSnapshot snapshot);
  }

  /** Lets nobody begin for whom there will not be enough blocks. */
  private record Foreseeing(VictimPolicy among) implements VictimPolicy {
    @Override
    public int victim(SequenceView needy, EngineSnapshot snapshot) {
      return among.victim(needy, snapshot);
    }

    @Override
    public boolean mayBegin(SequenceView next, EngineSnapshot snapshot) {
      return snapshot.foreseenBlocks(next) <= snapshot.totalBlocks();
    }

    @Override
    public String toString() {
      return among + ", where it was not foreseen";
    }
  }

  private record Cheapest(String words, Price price) implements VictimPolicy {
    @Override
    public int victim(SequenceView needy, EngineSnapshot snapshot) {
      int cheapest = 0;
      double lowest = price.of(snapshot.running(0), snapshot);
      for (int i = 1; i < snapshot.running(); i++) {
        double cost = price.of(snapshot.running(i), snapshot);
        if (before(snapshot.running(i), cost, snapshot.running(cheapest), lowest)) {
          cheapest = i;
          lowest = cost;
        }
      }
      return cheapest;
    }

    private static boolean before(
        SequenceView one, double cost, SequenceView other, double lowest) {
      int lower = Integer.compare(one.level().rank(), other.level().rank());
      if (lower != 0) {
        return lower > 0;
      }
      return cost != lowest ? cost < lowest : one.arrival() > other.arrival();
    }

    @Override
    public String toString() {
      return words;
    }
  }
}

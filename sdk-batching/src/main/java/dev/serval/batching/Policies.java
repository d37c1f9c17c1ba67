package dev.serval.batching;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import java.util.Comparator;
import java.util.List;

/** The engine's side of its policies: asks them, and blames them for what they throw. */
final class Policies {
  private final BatchingPolicies policies;
  private final Comparator<Sequence> order = this::compare;
  private long nowNanos;

  Policies(BatchingPolicies policies) {
    this.policies = policies;
  }

  void order(List<Sequence> waiting, long now) {
    nowNanos = now;
    try {
      waiting.sort(order);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("order", e);
    }
  }

  private int compare(Sequence left, Sequence right) {
    int order = policies.order().compare(left, right, nowNanos);
    return order != 0 ? order : Long.compare(left.arrival(), right.arrival());
  }

  int chunk(SequenceView sequence, int plannedTokens, EngineSnapshot snapshot) {
    try {
      return policies.chunk().chunk(sequence, plannedTokens, snapshot);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("chunk", e);
    }
  }

  Sequence victim(SequenceView needy, Roster roster) {
    int index;
    try {
      index = policies.victim().victim(needy, roster);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("victim", e);
    }
    if (index < 0 || index >= roster.running()) {
      throw new PolicyFailure(
          "victim",
          new IndexOutOfBoundsException(
              "sequence " + index + " was picked of " + roster.running() + " that run"));
    }
    return roster.running(index);
  }

  /** A policy threw, or answered what makes no sense. */
  static final class PolicyFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PolicyFailure(String role, Throwable cause) {
      super("the " + role + " policy failed: " + cause, cause);
    }
  }
}

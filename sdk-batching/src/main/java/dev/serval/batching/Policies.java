package dev.serval.batching;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The engine's side of its policies: asks them, and blames them for what they throw. */
final class Policies {
  private final BatchingPolicies policies;
  private final Comparator<Sequence> order = this::compare;
  private @Nullable EngineSnapshot snapshot;

  Policies(BatchingPolicies policies) {
    this.policies = policies;
  }

  /** Puts the waiting sequences in order. */
  void order(List<Sequence> waiting, EngineSnapshot engine) {
    snapshot = engine;
    try {
      waiting.sort(order);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("order", e);
    }
  }

  /** The first of the waiting sequences, of which there is one. */
  Sequence first(List<Sequence> waiting, EngineSnapshot engine) {
    snapshot = engine;
    Sequence first = waiting.getFirst();
    try {
      for (int i = 1; i < waiting.size(); i++) {
        first = compare(waiting.get(i), first) < 0 ? waiting.get(i) : first;
      }
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("order", e);
    }
    return first;
  }

  /** Whether one goes before another. */
  boolean before(Sequence one, Sequence other, EngineSnapshot engine) {
    snapshot = engine;
    try {
      return compare(one, other) < 0;
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("order", e);
    }
  }

  private int compare(Sequence left, Sequence right) {
    int answer = policies.order().compare(left, right, Objects.requireNonNull(snapshot));
    return answer != 0 ? answer : Long.compare(left.arrival(), right.arrival());
  }

  int chunk(SequenceView sequence, StepPlan plan, EngineSnapshot engine) {
    try {
      return policies.chunk().chunk(sequence, plan, engine);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("chunk", e);
    }
  }

  boolean drafts() {
    return !policies.draft().equals(DraftPolicy.NONE);
  }

  boolean draftsPredictionsAlone() {
    return policies.draft().ofPredictionsAlone();
  }

  /** How many tokens are guessed, each of the vocabulary. */
  int draft(Sequence sequence, int[] draft, int most, int vocabulary) {
    int count;
    try {
      count = policies.draft().draft(sequence, draft, most);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("draft", e);
    }
    if (count < 0 || count > most) {
      throw new PolicyFailure(
          "draft",
          new IndexOutOfBoundsException(
              count + " tokens were guessed where 0 to " + most + " may"));
    }
    for (int i = 0; i < count; i++) {
      if (draft[i] < 0 || draft[i] >= vocabulary) {
        throw new PolicyFailure(
            "draft",
            new IndexOutOfBoundsException(
                "token %d was guessed, and the model's are 0 to %d"
                    .formatted(draft[i], vocabulary - 1)));
      }
    }
    return count;
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

  boolean mayBegin(SequenceView next, EngineSnapshot engine) {
    try {
      return policies.victim().mayBegin(next, engine);
    } catch (RuntimeException | Error e) {
      throw new PolicyFailure("victim", e);
    }
  }

  /** A policy threw, or answered what makes no sense. */
  static final class PolicyFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PolicyFailure(String role, Throwable cause) {
      super("the " + role + " policy failed: " + cause, cause);
    }
  }
}

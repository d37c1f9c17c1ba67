package dev.serval.batching;

import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.List;

/** One step: first a plan that can still change, then the batch that is computed. Reused. */
final class Step {
  private final StepLimits limits;
  private final StepBatch batch;
  private final List<Sequence> members;
  private int tokens;
  private int sequences;

  Step(StepLimits limits) {
    this.limits = limits;
    batch = new StepBatch(limits.tokens(), limits.sequences());
    members = new ArrayList<>(limits.sequences());
  }

  void clear() {
    batch.clear();
    members.clear();
    tokens = 0;
    sequences = 0;
  }

  int tokens() {
    return tokens;
  }

  int sequences() {
    return sequences;
  }

  boolean isEmpty() {
    return sequences == 0;
  }

  /** How many more tokens of one more sequence it can take. */
  int room() {
    return sequences < limits.sequences() ? limits.tokens() - tokens : 0;
  }

  void include(Sequence sequence, int count) {
    sequence.plan(count);
    tokens += count;
    sequences++;
  }

  void exclude(Sequence sequence) {
    if (sequence.planned() > 0) {
      tokens -= sequence.planned();
      sequences--;
      sequence.plan(0);
    }
  }

  /** Lays out the rows of everything that was included, in the order in which it began. */
  StepBatch assemble(Roster roster) {
    for (int i = 0; i < roster.running(); i++) {
      Sequence sequence = roster.running(i);
      int count = sequence.planned();
      if (count > 0) {
        boolean last = count == sequence.outstanding();
        int from = sequence.computedTokens();
        batch.add(sequence.tokens(), from, count, sequence.kv().blocks(), last);
        members.add(sequence);
      }
    }
    return batch;
  }

  StepBatch batch() {
    return batch;
  }

  Sequence member(int index) {
    return members.get(index);
  }
}

package dev.serval.batching;

import dev.serval.api.batching.StepCosts;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.ObjLongConsumer;

/**
 * Tells the sequences that are to be explained what each step did to them. Where there are none, it
 * does nothing. Belongs to the engine's thread.
 */
final class Explanations {
  private final StepCosts costs;
  private final LongSupplier clock;
  private final List<Sequence> explained = new ArrayList<>();

  Explanations(StepCosts costs, LongSupplier clock) {
    this.costs = costs;
    this.clock = clock;
  }

  /** A sequence has arrived, and perhaps is to be explained. */
  void arrived(Sequence sequence) {
    if (sequence.request().explained()) {
      sequence.explainBy(new TimelineRecorder(clock, sequence.submittedNanos()));
      explained.add(sequence);
    }
  }

  /** A step is computed and nothing of it handed over yet. */
  void computed(Step step, long beginNanos) {
    for (int i = 0; i < explained.size(); i++) {
      Sequence sequence = explained.get(i);
      TimelineRecorder recorder = sequence.recorder();
      if (recorder == null || !sequence.isRunning()) {
        continue;
      }
      int planned = step.planned(sequence);
      if (planned > 0) {
        recorder.computed(sequence, planned, peers(step, sequence, planned), beginNanos);
      } else {
        recorder.leftOut(beginNanos);
      }
    }
  }

  /** All that the step computed is handed over; who has ended is not spoken of again. */
  void stepEnded() {
    for (int i = explained.size() - 1; i >= 0; i--) {
      TimelineRecorder recorder = explained.get(i).recorder();
      if (recorder == null) {
        explained.remove(i);
      } else {
        recorder.stepEnded();
      }
    }
  }

  /** The engine's driver has it back; what passes from now on is none of the engine's time. */
  void leftEngine() {
    tellAll(TimelineRecorder::leftEngine);
  }

  /** The engine's driver has called again. */
  void cameBack() {
    tellAll(TimelineRecorder::cameBack);
  }

  private void tellAll(ObjLongConsumer<TimelineRecorder> news) {
    if (explained.isEmpty()) {
      return;
    }
    long now = clock.getAsLong();
    for (int i = 0; i < explained.size(); i++) {
      TimelineRecorder recorder = explained.get(i).recorder();
      if (recorder != null) {
        news.accept(recorder, now);
      }
    }
  }

  /** The share of a step that it would not have taken without the chunks of others. */
  private double peers(Step step, Sequence sequence, int planned) {
    int chunks = step.chunkTokens();
    int own = planned > 1 ? planned : 0;
    if (chunks == own) {
      return 0;
    }
    if (!costs.known()) {
      return (double) (chunks - own) / step.tokens();
    }
    double pairs = StepCosts.pairs(sequence.computedTokens(), own);
    double without = costs.predictNanos(step.cachedTokens(), own, pairs, step.decodeRows());
    double all = costs.predictNanos(step);
    return Math.clamp(1 - without / Math.max(all, 1), 0.0, 1.0);
  }
}

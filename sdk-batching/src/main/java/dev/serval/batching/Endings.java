package dev.serval.batching;

import dev.serval.api.FinishReason;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Ends sequences: frees their blocks, then tells whoever has to know, once. */
final class Endings {
  private final Roster roster;
  private final EngineListener listener;
  private final LongSupplier clock;

  Endings(Roster roster, EngineListener listener, LongSupplier clock) {
    this.roster = roster;
    this.listener = listener;
    this.clock = clock;
  }

  void finish(Sequence sequence, FinishReason reason) {
    end(sequence, reason, null);
  }

  void cancel(Sequence sequence) {
    end(sequence, FinishReason.CANCELLED, null);
  }

  void fail(Sequence sequence, Throwable failure) {
    end(sequence, FinishReason.CANCELLED, failure);
  }

  /** Ends every sequence there is, with a failure if there was one. */
  void endAll(@Nullable Throwable failure) {
    for (Sequence sequence = roster.any(); sequence != null; sequence = roster.any()) {
      end(sequence, FinishReason.CANCELLED, failure);
    }
  }

  private void end(Sequence sequence, FinishReason reason, @Nullable Throwable failure) {
    try {
      roster.end(sequence);
    } finally {
      tell(sequence, sequence.outcome(reason, failure, clock.getAsLong()));
    }
  }

  private void tell(Sequence sequence, SequenceOutcome outcome) {
    listener.ended(sequence, outcome);
    try {
      sequence.sink().ended(outcome);
    } catch (RuntimeException | Error e) {
      CarefulListener.report(e);
    }
  }
}

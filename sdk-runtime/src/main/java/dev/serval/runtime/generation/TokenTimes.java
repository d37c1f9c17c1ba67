package dev.serval.runtime.generation;

import dev.serval.api.Timings;
import dev.serval.api.batching.SequenceOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

/** When the tokens of a generation's first choice came, by the engine's clock. */
final class TokenTimes {
  private final LongSupplier clock;
  private long[] nanos = new long[16];
  private int count;
  private long submitted;

  TokenTimes(LongSupplier clock) {
    this.clock = clock;
  }

  /** The request is about to be handed over. */
  void submitted() {
    submitted = clock.getAsLong();
  }

  /** A token came. */
  void token() {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, count * 2);
    }
    nanos[count++] = clock.getAsLong();
  }

  /** From the submission to the first token, once that has come. */
  long untilFirst() {
    return nanos[0] - submitted;
  }

  Timings timings(SequenceOutcome first, long end) {
    long begin = first.submittedNanos();
    return new Timings(
        Duration.ofNanos(first.firstStepNanos() - begin),
        Duration.ofNanos(first.firstTokenNanos() - begin),
        gaps(),
        Duration.ofNanos(end - begin));
  }

  private List<Duration> gaps() {
    List<Duration> gaps = new ArrayList<>();
    for (int i = 1; i < count; i++) {
      gaps.add(Duration.ofNanos(nanos[i] - nanos[i - 1]));
    }
    return gaps;
  }
}

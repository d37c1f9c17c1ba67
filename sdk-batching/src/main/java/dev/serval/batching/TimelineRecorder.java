package dev.serval.batching;

import dev.serval.api.Timeline;
import dev.serval.api.Timeline.Cause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Writes down where the time of one sequence goes. There is always one span open, so no time is
 * lost between two; each event closes it and opens the next. Belongs to the engine's thread. A
 * sequence that nobody asked to be explained has none.
 */
final class TimelineRecorder {
  private final LongSupplier clock;
  private final long submittedNanos;
  private final List<Timeline.Span> spans = new ArrayList<>();
  private Cause open = Cause.QUEUED;
  private long sinceNanos;
  private int openTokens;
  private int lostTokens;

  TimelineRecorder(LongSupplier clock, long submittedNanos) {
    this.clock = clock;
    this.submittedNanos = submittedNanos;
    sinceNanos = submittedNanos;
  }

  /** The sequence goes from one state to another, with so many tokens computed. */
  void became(SequenceState before, SequenceState now, int computed) {
    switch (now) {
      case WAITING -> {
        lostTokens = Math.max(lostTokens, computed);
        enter(Cause.PREEMPTED, clock.getAsLong());
      }
      case PAUSED -> enter(Cause.READER_PAUSE, clock.getAsLong());
      case SHELVED -> lostTokens = Math.max(lostTokens, computed);
      case RUNNING -> {
        if (before == SequenceState.PAUSED) {
          enter(Cause.ENGINE, clock.getAsLong());
        }
      }
      case ENDED -> {}
    }
  }

  /** It was its turn to begin, but there are too few blocks. */
  void lacksBlocks(long nowNanos) {
    if (open == Cause.QUEUED) {
      enter(Cause.KV_WAIT, nowNanos);
    }
  }

  /**
   * A step has computed some of its tokens; what follows until {@link #stepEnded} belongs to the
   * step as well.
   *
   * @param sequence the sequence, still as it was planned
   * @param planned how many of its tokens were
   * @param peers the share of the step that the prompts of others took, from 0 to 1
   * @param beginNanos when the step began
   */
  void computed(Sequence sequence, int planned, double peers, long beginNanos) {
    long now = clock.getAsLong();
    enter(Cause.PEER_PREFILL, beginNanos);
    enter(kind(sequence), beginNanos + Math.round((now - beginNanos) * peers));
    openTokens = planned;
  }

  /** The step has computed one more, which was drafted. */
  void accepted() {
    openTokens++;
  }

  private Cause kind(Sequence sequence) {
    if (sequence.computedTokens() < lostTokens) {
      return Cause.RECOMPUTE;
    }
    return sequence.generated() > 0 ? Cause.DECODE : Cause.PREFILL;
  }

  /** It could have taken part in a step, and did not. */
  void leftOut(long beginNanos) {
    if (open == Cause.ENGINE) {
      enter(Cause.LEFT_OUT, Math.max(beginNanos, sinceNanos));
    }
  }

  /** All that the step has computed is handed over. */
  void stepEnded() {
    if (openTokens > 0) {
      enter(Cause.ENGINE, clock.getAsLong());
    }
  }

  /** Whoever takes the engine's steps has something else to do. */
  void leftEngine(long nowNanos) {
    if (open == Cause.ENGINE) {
      enter(Cause.OUTSIDE, nowNanos);
    }
  }

  /** The engine goes on. */
  void cameBack(long nowNanos) {
    if (open == Cause.OUTSIDE) {
      enter(Cause.ENGINE, nowNanos);
    }
  }

  Timeline end(long nowNanos) {
    close(nowNanos);
    return new Timeline(spans);
  }

  /** From now on the time goes into something else. */
  private void enter(Cause cause, long nowNanos) {
    if (cause != open) {
      close(nowNanos);
      open = cause;
    }
  }

  private void close(long nowNanos) {
    if (nowNanos > sinceNanos || openTokens > 0) {
      spans.add(
          new Timeline.Span(
              open,
              Duration.ofNanos(sinceNanos - submittedNanos),
              Duration.ofNanos(nowNanos - sinceNanos),
              openTokens));
    }
    sinceNanos = nowNanos;
    openTokens = 0;
  }
}

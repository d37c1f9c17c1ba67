package dev.serval.api;

import java.time.Duration;
import java.util.List;

/**
 * Where the time of one choice went: spans that follow each other without a gap. In a {@link
 * GenerationResult} they go from the call of {@link ServingRuntime#submit} until the result is
 * complete; in an engine's {@link dev.serval.api.batching.SequenceOutcome} from the hand-over to
 * the engine until the sequence's end. The time between two of its tokens is made of the spans
 * between the two that computed them.
 *
 * @param spans what happened, one after the other
 */
public record Timeline(List<Span> spans) {
  /** What a request's time goes into. */
  public enum Cause {
    /** Its prompt is rendered, encoded and checked on the thread that submits it. */
    SUBMISSION,
    /** The first choice of its request computes the prompt that it shares. */
    SHARED_PROMPT,
    /**
     * What it had in its first engine is lost with a device, and its model is on its way to
     * another.
     */
    RELOCATION,
    /** It waits for its turn. */
    QUEUED,
    /** It is its turn, but there are too few free KV blocks for it. */
    KV_WAIT,
    /** A chunk of its own prompt is computed. */
    PREFILL,
    /** Its next token is computed, beside those of others. */
    DECODE,
    /** What it lost when it gave way is computed again. */
    RECOMPUTE,
    /** The share of its step that the prompts of others took. */
    PEER_PREFILL,
    /** It could go on, and the step was given to others. */
    LEFT_OUT,
    /** It had to give its KV blocks to others, and waits for its turn again. */
    PREEMPTED,
    /** Its reader is behind. */
    READER_PAUSE,
    /**
     * The engine's own work from the end of one step to the beginning of the next: its books, its
     * listener, what callers ask for.
     */
    ENGINE,
    /** Between two steps, whoever takes the engine's steps does something else. */
    OUTSIDE,
    /** It has ended, and other choices of its request have not. */
    OTHER_CHOICES,
    /** All choices have ended, and the result is on its way to the caller. */
    DELIVERY
  }

  /**
   * A time in which one thing happened.
   *
   * @param cause what happened
   * @param start when it began, from the beginning of the timeline
   * @param length how long it took
   * @param tokens how many of the request's tokens were computed in it
   */
  public record Span(Cause cause, Duration start, Duration length, int tokens) {
    /**
     * When it was over.
     *
     * @return the time from the beginning of the timeline
     */
    public Duration end() {
      return start.plus(length);
    }
  }

  /** Copies the list. */
  public Timeline {
    spans = List.copyOf(spans);
  }

  /**
   * All of it.
   *
   * @return the time from the beginning of the first span to the end of the last
   */
  public Duration total() {
    return spans.isEmpty() ? Duration.ZERO : spans.getLast().end();
  }

  /**
   * What went into one thing.
   *
   * @param cause what happened
   * @return the sum over its spans
   */
  public Duration total(Cause cause) {
    return spans.stream()
        .filter(span -> span.cause() == cause)
        .map(Span::length)
        .reduce(Duration.ZERO, Duration::plus);
  }

  /**
   * How much of the time has a cause in this request, its reader, its peers or the engine.
   *
   * @return a share from 0 to 1: all but what passed outside the engine between two steps
   */
  public double attributed() {
    long nanos = total().toNanos();
    return nanos == 0 ? 1 : 1 - (double) total(Cause.OUTSIDE).toNanos() / nanos;
  }
}

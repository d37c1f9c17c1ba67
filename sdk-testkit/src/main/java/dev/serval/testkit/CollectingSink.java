package dev.serval.testkit;

import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Collects a sequence's tokens and its outcome, and holds the engine to what it promises its sinks:
 * one thread, no token after the end, one end. Read from any thread.
 */
public class CollectingSink implements TokenSink {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private int[] tokens = new int[16];
  private int size;
  private @Nullable SequenceOutcome outcome;
  private @Nullable Thread thread;
  private String breach = "";

  /** An empty one. */
  public CollectingSink() {}

  @Override
  public final Verdict token(SampledToken token) {
    collect(token.id());
    return verdict(token);
  }

  /**
   * What to do next, once a token is collected; a subclass may say so.
   *
   * @param token the token
   * @return to go on, here
   */
  protected Verdict verdict(SampledToken token) {
    return Verdict.CONTINUE;
  }

  private synchronized void collect(int token) {
    checkThread();
    if (outcome != null) {
      breach = "token " + token + " came after the end";
    }
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, size * 2);
    }
    tokens[size++] = token;
    notifyAll();
  }

  @Override
  public final void ended(SequenceOutcome end) {
    finish(end);
    afterEnd(end);
  }

  /**
   * Does something more when the sequence has ended; nothing, here.
   *
   * @param end how it ended
   */
  protected void afterEnd(SequenceOutcome end) {}

  private synchronized void finish(SequenceOutcome end) {
    checkThread();
    if (outcome != null) {
      breach = "it ended twice: " + outcome + " and " + end;
    }
    outcome = end;
    notifyAll();
  }

  private void checkThread() {
    if (thread == null) {
      thread = Thread.currentThread();
    } else if (thread != Thread.currentThread()) {
      breach = "it is called by " + thread + " and by " + Thread.currentThread();
    }
  }

  /**
   * The tokens so far.
   *
   * @return a copy
   */
  public synchronized int[] tokens() {
    return Arrays.copyOf(tokens, size);
  }

  /**
   * Whether the sequence has ended.
   *
   * @return true after the end
   */
  public synchronized boolean hasEnded() {
    return outcome != null;
  }

  /**
   * Waits for the end.
   *
   * @return how the sequence ended
   */
  public synchronized SequenceOutcome awaitEnd() {
    awaitUntil(() -> outcome != null, "its end");
    return Objects.requireNonNull(outcome);
  }

  /**
   * Waits until there are tokens, or the end.
   *
   * @param count how many tokens at least
   */
  public synchronized void awaitTokens(int count) {
    awaitUntil(() -> size >= count || outcome != null, "token " + count);
  }

  private synchronized void awaitUntil(BooleanSupplier event, String what) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (!event.getAsBoolean()) {
        long millis = (deadline - System.nanoTime()) / 1_000_000;
        if (millis <= 0) {
          throw new AssertionError("a sequence of " + size + " tokens waits in vain for " + what);
        }
        wait(millis);
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * What the engine did that it must not.
   *
   * @return a sentence, empty if it kept its promises
   */
  public synchronized String breach() {
    return breach;
  }
}

package dev.serval.command.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** Notes what happens to one request, and when. For one thread. */
public final class Stopwatch {
  private final LongSupplier nanoTime;
  private final long origin;
  private final long arrival;
  private final long start;
  private final List<Long> chunks = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private int promptTokens;
  private int completionTokens;

  /**
   * Starts to watch.
   *
   * @param nanoTime the clock
   * @param origin the clock's value when the run began
   * @param arrival when the request arrived by schedule, in nanoseconds since then
   * @param start when it could be sent, in nanoseconds since then; what lies between was spent
   *     waiting for a place
   */
  Stopwatch(LongSupplier nanoTime, long origin, long arrival, long start) {
    this.nanoTime = nanoTime;
    this.origin = origin;
    this.arrival = arrival;
    this.start = start;
  }

  /**
   * Some of the answer is here.
   *
   * @param addedText its text, possibly empty
   */
  public void chunk(String addedText) {
    chunks.add(now());
    text.append(addedText);
  }

  /**
   * The target has counted the tokens.
   *
   * @param prompt the tokens of the prompt
   * @param completion the tokens of the answer
   */
  public void usage(int prompt, int completion) {
    promptTokens = prompt;
    completionTokens = completion;
  }

  /**
   * The answer has ended.
   *
   * @param error what went wrong, or empty
   * @return all that was noted
   */
  Outcome end(String error) {
    return new Outcome(
        arrival, start, chunks, now(), promptTokens, completionTokens, text.toString(), error);
  }

  private long now() {
    return nanoTime.getAsLong() - origin;
  }
}

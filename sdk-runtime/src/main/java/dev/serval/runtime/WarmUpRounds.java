package dev.serval.runtime;

import dev.serval.api.LoadListener;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Decides for how many rounds a model is warmed up: until they get no faster and the JVM compiles
 * next to nothing in them, or time is up. What a step calls once for each layer takes a few hundred
 * steps until it is compiled, and until then a core that a step needs may be busy compiling.
 */
final class WarmUpRounds {
  private static final String STAGE = "warm-up";
  private static final int[] PROMPTS = {8, 32, 128, 256};
  private static final int LATER_PROMPT = 32;

  /** A round that takes at least this part of the best one's time, for a token, is no faster. */
  private static final double FASTER = 0.95;

  /** Next to nothing: this part of a round's time, by all compiler threads together. */
  private static final double COMPILED = 0.2;

  private static final int PATIENCE = 3;

  /** What a round does. */
  interface Round {
    /**
     * Does it.
     *
     * @param number which, from 0
     * @param prompt how many tokens of a prompt it reads
     * @param end when time is up, by the clock
     * @return how many tokens it has read and generated, as far as they take time of their own
     */
    int run(int number, int prompt, long end);
  }

  private final LongSupplier clock;
  private final LongSupplier compiling;
  private final long longest;
  private final LoadListener listener;

  /**
   * With clocks.
   *
   * @param clock in nanoseconds
   * @param compiling how long the JVM has compiled, in nanoseconds
   * @param longest after which no round begins
   * @param listener hears how far it has come
   */
  WarmUpRounds(
      LongSupplier clock, LongSupplier compiling, Duration longest, LoadListener listener) {
    this.clock = clock;
    this.compiling = compiling;
    this.longest = longest.toNanos();
    this.listener = listener;
  }

  /** How long this JVM has compiled, in nanoseconds; it stands still where that is not known. */
  static LongSupplier compiling() {
    CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
    return compiler != null && compiler.isCompilationTimeMonitoringSupported()
        ? () -> TimeUnit.MILLISECONDS.toNanos(compiler.getTotalCompilationTime())
        : () -> 0;
  }

  /** Does the rounds; a few, by a clock that stands still. */
  void run(Round round) {
    long end = clock.getAsLong() + longest;
    double best = Double.POSITIVE_INFINITY;
    int calm = 0;
    listener.progress(STAGE, 0, longest);
    for (int i = 0; calm < PATIENCE && left(end) > 0; i++) {
      long begin = clock.getAsLong();
      long compiled = compiling.getAsLong();
      int tokens = round.run(i, prompt(i, left(end) / best), end);
      double took = clock.getAsLong() - begin;
      boolean quiet = took == 0 || compiling.getAsLong() - compiled <= COMPILED * took;
      calm = quiet && took / tokens >= FASTER * best ? calm + 1 : 0;
      best = Math.min(best, took / tokens);
      listener.progress(STAGE, longest - Math.max(0, left(end)), longest);
    }
    listener.progress(STAGE, longest, longest);
  }

  private long left(long end) {
    return end - clock.getAsLong();
  }

  /** Longer from round to round, once, as far as there is time for. */
  private static int prompt(int round, double affordable) {
    int wanted = round < PROMPTS.length ? PROMPTS[round] : LATER_PROMPT;
    return wanted <= affordable ? wanted : Math.min(wanted, LATER_PROMPT);
  }
}

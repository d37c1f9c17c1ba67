package dev.serval.batching;

import dev.serval.api.batching.StepCosts;

/**
 * What a step of given work will take on this machine, learned from the steps it has taken:
 *
 * <pre>c + γ·cached + d·decodes + b·Σnew + a·Σ(2·cached·new + new²)</pre>
 *
 * <p>All steps teach it, those with decodes alone, with chunks alone, and with both; what is known
 * of chunks is dimmed by steps with chunks alone. The slack learns from chunks beside decodes:
 * where nobody waits for a token, a step may be of any size, and far beyond what was seen. When
 * steps in a row take longer or less long than predicted it is the machine that changed, busy or
 * throttled, or its code that was compiled.
 *
 * <p>One thread, the engine's. Nothing is allocated after construction.
 */
final class StepCostModel implements StepCosts {
  private static final int LEAST_STEPS = 12;
  private static final int LEAST_CHUNKS = 4;

  private final LinearFit fit = new LinearFit(5);
  private final Slack slack = new Slack();
  private final double[] work = new double[5];
  private int chunks;

  @Override
  public boolean known() {
    return chunks >= LEAST_CHUNKS && fit.observed() >= LEAST_STEPS;
  }

  @Override
  public long errorNanos() {
    return (long) (fit.meanError() * 1e6);
  }

  @Override
  public double slack() {
    return slack.factor();
  }

  @Override
  public long predictNanos(long cached, long fresh, double pairs, int decodes) {
    return (long) (millis(cached, fresh, pairs, decodes) * 1e6);
  }

  /** Learns from a step that took {@code nanos}. */
  void observe(long cached, long fresh, double pairs, int decodes, long nanos) {
    double foreseen = millis(cached, fresh, pairs, decodes);
    double taken = nanos * 1e-6;
    if (fresh > 0 && decodes > 0 && known() && foreseen > 0) {
      slack.observe(taken / foreseen);
    }
    if (fresh > 0 && chunks < LEAST_CHUNKS) {
      chunks++;
    }
    fit.observe(work, taken);
  }

  /** Quantities are scaled to about 1 in a usual step, so that the fit is well conditioned. */
  private double millis(long cached, long fresh, double pairs, int decodes) {
    work[0] = 1;
    work[1] = 1e-4 * cached;
    work[2] = 1e-1 * decodes;
    work[3] = 1e-2 * fresh;
    work[4] = 1e-6 * pairs;
    return fit.predict(work);
  }

  @Override
  public String toString() {
    return fit + " ms, times " + slack;
  }
}

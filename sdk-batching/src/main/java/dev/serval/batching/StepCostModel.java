package dev.serval.batching;

import dev.serval.api.batching.StepCosts;
import java.util.Arrays;

/**
 * What a step of given work will take on this machine, learned from the steps it has taken.
 *
 * <p>A step's time is taken to be linear in five quantities: 1 (launching a step at all: weights
 * are read once however many rows there are), the cached tokens that attention reads, the new
 * tokens that the matrices multiply, the query-key pairs of prefill attention (2 · cached · new +
 * new² for each chunk), and the decodes. The coefficients are fitted by recursive least squares
 * with exponential forgetting (Haykin, Adaptive Filter Theory, chapter 9), so that they follow a
 * machine whose speed changes.
 *
 * <p>Three things keep the fit sane. Residuals are clipped at three times their running mean
 * absolute size (Huber's M-estimator), so that a garbage collection or a page fault moves nothing;
 * when several steps in a row miss on the same side it is the machine that changed, not the step,
 * and the clip is lifted and the past forgotten. Forgetting stops for directions that the steps do
 * not excite, by bounding the trace of the covariance: thousands of decode-only steps must not blow
 * up what is known about prefill. And a prediction is never below the cheapest step seen lately,
 * since a cost is not negative.
 *
 * <p>One thread, the engine's. Nothing is allocated after construction.
 */
final class StepCostModel implements StepCosts {
  private static final int N = 5;
  private static final double FORGETTING = 0.99;
  private static final double MAX_TRACE = 1e4;
  private static final int SAME_SIDE_LIMIT = 8;
  private static final int CLIP_AFTER = 16;
  private static final int LEAST_STEPS = 16;
  private static final int LEAST_CHUNKS = 4;
  // What brings each quantity to about 1 in a usual step, so that the fit is well conditioned.
  private static final double[] SCALE = {1, 1e-4, 1e-2, 1e-6, 1e-1};

  private final double[] weights = new double[N];
  private final double[][] covariance = new double[N][N];
  private final double[] x = new double[N];
  private final double[] gain = new double[N];
  private double meanAbsoluteResidual;
  private double floor;
  private int sameSide;
  private long observed;
  private long chunks;

  StepCostModel() {
    forget();
  }

  @Override
  public boolean known() {
    return observed >= LEAST_STEPS && chunks >= LEAST_CHUNKS;
  }

  @Override
  public long errorNanos() {
    return (long) (meanAbsoluteResidual * 1e6);
  }

  @Override
  public long predictNanos(long cached, long fresh, double pairs, int decodes) {
    if (observed == 0) {
      return 0;
    }
    quantities(cached, fresh, pairs, decodes);
    return (long) (Math.max(floor, dot(weights, x)) * 1e6);
  }

  /** Learns from a step that took {@code nanos}. */
  void observe(long cached, long fresh, double pairs, int decodes, long nanos) {
    double millis = nanos * 1e-6;
    quantities(cached, fresh, pairs, decodes);
    double residual = millis - dot(weights, x);
    learn(clipped(residual));
    double size = Math.abs(residual);
    double rate = observed < CLIP_AFTER ? 1.0 / (observed + 1) : 0.05;
    meanAbsoluteResidual += rate * (Math.min(size, limit()) - meanAbsoluteResidual);
    floor = observed == 0 ? millis / 2 : Math.min(floor * 1.001, millis / 2);
    observed++;
    chunks += fresh > 0 ? 1 : 0;
  }

  private double clipped(double residual) {
    if (observed < CLIP_AFTER || Math.abs(residual) <= limit()) {
      sameSide = 0;
      return residual;
    }
    int side = residual > 0 ? 1 : -1;
    sameSide = sameSide * side > 0 ? sameSide + side : side;
    if (Math.abs(sameSide) >= SAME_SIDE_LIMIT) {
      forget();
      meanAbsoluteResidual = Math.abs(residual);
      sameSide = 0;
      return residual;
    }
    return side * limit();
  }

  private double limit() {
    return observed < CLIP_AFTER ? Double.MAX_VALUE : 3 * meanAbsoluteResidual + 1e-3;
  }

  private void forget() {
    for (int i = 0; i < N; i++) {
      Arrays.fill(covariance[i], 0);
      covariance[i][i] = MAX_TRACE / N;
    }
  }

  private void learn(double error) {
    double denominator = FORGETTING;
    for (int i = 0; i < N; i++) {
      gain[i] = dot(covariance[i], x);
      denominator += x[i] * gain[i];
    }
    double trace = 0;
    for (int i = 0; i < N; i++) {
      weights[i] += gain[i] / denominator * error;
      trace += covariance[i][i];
    }
    double growth = trace < MAX_TRACE ? 1 / FORGETTING : 1;
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        covariance[i][j] = growth * (covariance[i][j] - gain[i] * gain[j] / denominator);
      }
    }
  }

  private void quantities(long cached, long fresh, double pairs, int decodes) {
    x[0] = SCALE[0];
    x[1] = SCALE[1] * cached;
    x[2] = SCALE[2] * fresh;
    x[3] = SCALE[3] * pairs;
    x[4] = SCALE[4] * decodes;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}

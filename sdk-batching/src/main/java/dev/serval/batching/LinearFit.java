package dev.serval.batching;

import java.util.Arrays;

/**
 * A linear function of a few quantities, learned from one observation after the other. One thread;
 * nothing is allocated after construction.
 */
final class LinearFit {
  /*
   * Recursive least squares with exponential forgetting (Haykin, «Adaptive Filter Theory», chapter 9,
   * «The recursive least-squares algorithm»), kept sane in three ways.
   *
   * Residuals are clipped at some times their running mean absolute size, as in Huber's M-estimator
   * («Robust Estimation of a Location Parameter», 1964), so that a garbage collection or a page fault
   * moves nothing.
   *
   * When several observations in a row miss on the same side, by more than that, it is not they that
   * are odd: something has changed. Whoever observes is told by which factor, and either scales all
   * weights by it, if what the quantities cost relative to each other is the same as before, or lets
   * them be learned anew.
   *
   * Forgetting stops for directions that nothing excites, by bounding the trace of the covariance:
   * thousands of like steps must not blow up what is known of others.
   */
  private static final double FORGETTING = 0.99;
  private static final double MAX_TRACE = 1e4;
  private static final double CLIP = 4;
  private static final int CLIP_AFTER = 12;
  private static final int SAME_SIDE = 6;

  private final double[] weights;
  private final double[][] covariance;
  private final double[] gain;
  private double meanAbsoluteResidual;
  private int sameSide;
  private double ratios;
  private long observed;
  private long clipAfter;

  LinearFit(int quantities) {
    weights = new double[quantities];
    covariance = new double[quantities][quantities];
    gain = new double[quantities];
    renew();
  }

  long observed() {
    return observed;
  }

  double predict(double[] x) {
    return dot(weights, x);
  }

  /** Whether some quantity seems to take less than nothing. */
  boolean hasNegativeWeight() {
    for (double weight : weights) {
      if (weight < 0) {
        return true;
      }
    }
    return false;
  }

  double meanAbsoluteResidual() {
    return meanAbsoluteResidual;
  }

  /**
   * Learns that these quantities came to {@code y}.
   *
   * @return the factor by which observations have turned out to have changed, and then nothing was
   *     learned; 1 if they have not
   */
  double observe(double[] x, double y) {
    double predicted = predict(x);
    double residual = y - predicted;
    double limit = limit();
    double change = 1;
    if (Math.abs(residual) <= limit) {
      sameSide = 0;
      ratios = 0;
    } else {
      change = suspect(residual, predicted <= 0 ? 1 : y / predicted);
    }
    if (change == 1) {
      learn(x, Math.clamp(residual, -limit, limit));
      double rate = observed < CLIP_AFTER ? 1.0 / (observed + 1) : 0.05;
      meanAbsoluteResidual += rate * (Math.min(Math.abs(residual), limit) - meanAbsoluteResidual);
    }
    observed++;
    return change;
  }

  /** Everything takes so many times as long. */
  void scale(double change) {
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= change;
    }
    meanAbsoluteResidual *= change;
  }

  /** What was learned is a beginning, but no more than that. */
  void renew() {
    for (int i = 0; i < weights.length; i++) {
      Arrays.fill(covariance[i], 0);
      covariance[i][i] = MAX_TRACE / weights.length;
    }
    clipAfter = observed + CLIP_AFTER;
  }

  private double suspect(double residual, double ratio) {
    int side = residual > 0 ? 1 : -1;
    boolean goesOn = sameSide * side > 0;
    sameSide = goesOn ? sameSide + side : side;
    ratios = goesOn ? ratios + ratio : ratio;
    if (Math.abs(sameSide) < SAME_SIDE) {
      return 1;
    }
    double change = Math.clamp(ratios / SAME_SIDE, 0.1, 10);
    sameSide = 0;
    ratios = 0;
    return change;
  }

  private double limit() {
    return observed < clipAfter ? Double.MAX_VALUE : CLIP * meanAbsoluteResidual + 1e-3;
  }

  private void learn(double[] x, double error) {
    int n = weights.length;
    double denominator = FORGETTING;
    double trace = 0;
    for (int i = 0; i < n; i++) {
      gain[i] = dot(covariance[i], x);
      denominator += x[i] * gain[i];
      trace += covariance[i][i];
    }
    double growth = trace < MAX_TRACE ? 1 / FORGETTING : 1;
    for (int i = 0; i < n; i++) {
      weights[i] += gain[i] / denominator * error;
      for (int j = 0; j < n; j++) {
        covariance[i][j] = growth * (covariance[i][j] - gain[i] * gain[j] / denominator);
      }
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  @Override
  public String toString() {
    return Arrays.toString(weights) + " ± " + meanAbsoluteResidual;
  }
}

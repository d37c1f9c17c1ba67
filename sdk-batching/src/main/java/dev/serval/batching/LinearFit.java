package dev.serval.batching;

import java.util.Arrays;

/**
 * A linear function of a few quantities, none of which takes less than nothing, learned from one
 * observation after the other. One thread; nothing is allocated after construction.
 */
final class LinearFit {
  /*
   * Recursive least squares in information form (Haykin, «Adaptive Filter Theory», chapter 9), kept sane
   * in these ways.
   *
   * An observation dims what is known of the quantities in it, and of no others: thousands of like
   * ones neither blow up nor wash out what is known of the rest. Where quantities cannot be told apart,
   * a small anchor at the weights of before has them share what they explain.
   *
   * A weight that would be negative is 0, and the others are solved for without it.
   *
   * Residuals count by their share of the whole, since noise grows with it. So one that takes ten times
   * as long as foreseen, for a garbage collection or a page fault, counts for a hundredth.
   *
   * When several observations in a row miss on the same side, six by more than residuals usually are or
   * fourteen by whatever, it is not they that are odd: everything has become slower or faster. A pause
   * among them does not count, unless it goes on for six.
   */
  private static final double KEPT = 0.995;
  private static final double ANCHOR = 1e-3;
  private static final double ODD = 4;
  private static final double LEAST_ODD = 0.01;
  private static final double PAUSE = 3;
  private static final int SURE_AFTER = 12;
  private static final int ODD_ONES = 6;
  private static final int SAME_SIDE = 14;
  private static final double RATE = 0.05;
  private static final double LARGE_CHANGE = 0.3;
  private static final double RENEWED = 0.2;
  private static final double TINY = 1e-9;

  private final double[] weights;
  private final double[][] information;
  private final double[][] left;
  private final double[] right;
  private final boolean[] fixed;
  private double meanError;
  private double meanShare;
  private int sameSide;
  private double ratios;
  private int odd;
  private int pauses;
  private long observed;

  LinearFit(int quantities) {
    weights = new double[quantities];
    information = new double[quantities][quantities];
    left = new double[quantities][quantities];
    right = new double[quantities];
    fixed = new boolean[quantities];
  }

  long observed() {
    return observed;
  }

  double predict(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += weights[i] * x[i];
    }
    return sum;
  }

  /** The mean absolute residual of late. */
  double meanError() {
    return meanError;
  }

  /** Learns that these quantities came to {@code y}. */
  void observe(double[] x, double y) {
    double foreseen = predict(x);
    double change = suspect(y, foreseen);
    if (change == 1) {
      double whole = Math.max(Math.max(foreseen, y), TINY);
      learn(x, y - foreseen, whole);
      note(Math.abs(y - foreseen), whole);
    } else {
      scale(change);
    }
    observed++;
  }

  /** The first residuals tell what was not known yet, and nothing of what is to be expected. */
  private void note(double error, double whole) {
    long since = observed - weights.length + 1;
    if (since > 0) {
      double rate = Math.max(RATE, 1.0 / since);
      double limit = rate > RATE ? 1 : ODD * meanShare + LEAST_ODD;
      double share = Math.min(error / whole, limit);
      meanShare += rate * (share - meanShare);
      meanError += rate * (share * whole - meanError);
    }
  }

  private void scale(double change) {
    boolean renewed = Math.abs(Math.log(change)) > LARGE_CHANGE;
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= change;
      for (int j = 0; j < weights.length; j++) {
        information[i][j] *= renewed ? RENEWED : 1;
      }
    }
    meanError *= change;
  }

  private double suspect(double y, double foreseen) {
    pauses = y > PAUSE * foreseen ? pauses + 1 : 0;
    if (observed < SURE_AFTER || (pauses > 0 && pauses < ODD_ONES)) {
      return 1;
    }
    double share = (y - foreseen) / Math.max(Math.max(y, foreseen), TINY);
    int side = share > 0 ? 1 : -1;
    if (sameSide * side <= 0) {
      forgetRun();
    }
    sameSide += side;
    ratios += y / Math.max(foreseen, TINY);
    odd = Math.abs(share) > ODD * meanShare + LEAST_ODD ? odd + 1 : 0;
    if (odd < ODD_ONES && pauses < ODD_ONES && Math.abs(sameSide) < SAME_SIDE) {
      return 1;
    }
    double change = Math.clamp(ratios / Math.abs(sameSide), 0.1, 10);
    forgetRun();
    return change;
  }

  private void forgetRun() {
    sameSide = 0;
    ratios = 0;
    odd = 0;
    pauses = 0;
  }

  private void learn(double[] x, double error, double whole) {
    double weight = 1 / (whole * whole);
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        double kept = (x[i] > 0 ? KEPT : 1) * (x[j] > 0 ? KEPT : 1);
        information[i][j] = kept * information[i][j] + weight * x[i] * x[j];
      }
    }
    Arrays.fill(fixed, false);
    do {
      equations(x, weight * error);
      eliminate();
    } while (fixNegative());
    for (int i = 0; i < weights.length; i++) {
      weights[i] = fixed[i] ? 0 : weights[i] + right[i];
    }
  }

  /** Those that would become negative become 0; whether there were any. */
  private boolean fixNegative() {
    boolean any = false;
    for (int i = 0; i < weights.length; i++) {
      if (!fixed[i] && weights[i] + right[i] < 0) {
        fixed[i] = true;
        any = true;
      }
    }
    return any;
  }

  /** What is solved for is how the weights change. */
  private void equations(double[] x, double weightedError) {
    for (int i = 0; i < weights.length; i++) {
      boolean known = !fixed[i] && information[i][i] > 0;
      right[i] = known ? weightedError * x[i] : 0;
      for (int j = 0; j < weights.length; j++) {
        left[i][j] = known && !fixed[j] ? information[i][j] : 0;
        right[i] += known && fixed[j] ? information[i][j] * weights[j] : 0;
      }
      left[i][i] = known ? information[i][i] * (1 + ANCHOR) : 1;
    }
  }

  /** Gauss's way; the anchor keeps every pivot above 0. */
  private void eliminate() {
    int n = weights.length;
    for (int i = 0; i < n; i++) {
      for (int k = i + 1; k < n; k++) {
        double factor = left[k][i] / left[i][i];
        for (int j = i; j < n; j++) {
          left[k][j] -= factor * left[i][j];
        }
        right[k] -= factor * right[i];
      }
    }
    for (int i = n - 1; i >= 0; i--) {
      for (int j = i + 1; j < n; j++) {
        right[i] -= left[i][j] * right[j];
      }
      right[i] /= left[i][i];
    }
  }

  @Override
  public String toString() {
    return Arrays.toString(weights) + " ± " + meanError;
  }
}

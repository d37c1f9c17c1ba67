package dev.serval.command.bench;

import java.util.Arrays;
import java.util.Collection;

/** Some measured values; statistics of none at all are 0, as in vLLM's results. */
final class Distribution {
  private final double[] sorted;

  private Distribution(double[] sorted) {
    this.sorted = sorted;
  }

  static Distribution of(Collection<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    return new Distribution(sorted);
  }

  double mean() {
    return Arrays.stream(sorted).average().orElse(0);
  }

  /** The standard deviation of the values themselves, not an estimate for more of their kind. */
  double deviation() {
    double mean = mean();
    return Math.sqrt(Arrays.stream(sorted).map(v -> (v - mean) * (v - mean)).average().orElse(0));
  }

  double median() {
    return percentile(50);
  }

  double max() {
    return sorted.length == 0 ? 0 : sorted[sorted.length - 1];
  }

  /** Interpolates linearly between the two nearest ranks, as NumPy does unless told otherwise. */
  double percentile(double percent) {
    if (sorted.length == 0) {
      return 0;
    }
    double rank = percent / 100 * (sorted.length - 1);
    int below = (int) rank;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
  }
}

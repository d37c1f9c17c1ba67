package dev.serval.batching;

/**
 * What a batch takes whatever its size: the constant of a line fitted by least squares through the
 * batches of late, time over padded length, each counting {@value #FADING} times the next. Belongs
 * to the batcher's thread.
 */
final class BatchCost {
  private static final double FADING = 0.97;

  /** Below this the lengths are too much alike to tell the constant from the slope. */
  private static final double LEAST_SPREAD = 0.05;

  private double weight;
  private double lengths;
  private double times;
  private double squares;
  private double products;

  void record(long paddedLength, long nanos) {
    double length = paddedLength;
    weight = FADING * weight + 1;
    lengths = FADING * lengths + length;
    times = FADING * times + nanos;
    squares = FADING * squares + length * length;
    products = FADING * products + length * nanos;
  }

  /** The constant, at least 0 and no more than a batch takes on average; 0 while it is unknown. */
  double fixedNanos() {
    double spread = weight * squares - lengths * lengths;
    if (weight < 2 || spread < LEAST_SPREAD * weight * squares) {
      return 0;
    }
    double constant = (squares * times - lengths * products) / spread;
    return Math.clamp(constant, 0, times / weight);
  }
}

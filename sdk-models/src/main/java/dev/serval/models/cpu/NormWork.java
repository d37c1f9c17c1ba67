package dev.serval.models.cpu;

/** Normalises rows by their root mean square. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class NormWork extends RowWork {
  private CpuActivations in;
  private CpuWeight.Vector gain;
  private CpuActivations out;
  private float epsilon;

  NormWork of(CpuActivations input, CpuWeight.Vector gains, float added, CpuActivations output) {
    in = input;
    gain = gains;
    epsilon = added;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    normalise(in, in.row(row), gain, epsilon, out, out.row(row));
  }

  /** Normalises as many elements as there are gains. The sum of squares is kept in F64. */
  static void normalise(
      CpuActivations in,
      long from,
      CpuWeight.Vector gain,
      float epsilon,
      CpuActivations out,
      long to) {
    int columns = gain.columns();
    double squares = 0;
    for (int i = 0; i < columns; i++) {
      double x = in.at(from + i);
      squares += x * x;
    }
    float scale = (float) (1 / Math.sqrt(squares / columns + epsilon));
    for (int i = 0; i < columns; i++) {
      out.set(to + i, in.at(from + i) * scale * gain.at(i));
    }
  }
}

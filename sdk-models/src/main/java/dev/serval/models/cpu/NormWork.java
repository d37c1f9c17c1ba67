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
    double squares = squares(in, from, columns);
    float scale = (float) (1 / Math.sqrt(squares / columns + epsilon));
    for (int i = 0; i < columns; i++) {
      out.set(to + i, in.at(from + i) * scale * gain.at(i));
    }
  }

  /** Four sums, which do not wait for each other. */
  private static double squares(CpuActivations in, long from, int count) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int whole = count & -4;
    for (int i = 0; i < whole; i += 4) {
      a += square(in.at(from + i));
      b += square(in.at(from + i + 1));
      c += square(in.at(from + i + 2));
      d += square(in.at(from + i + 3));
    }
    for (int i = whole; i < count; i++) {
      a += square(in.at(from + i));
    }
    return (a + b) + (c + d);
  }

  private static double square(double x) {
    return x * x;
  }
}

package dev.serval.models.cpu;

import org.jspecify.annotations.Nullable;

/** Adds rows, multiplied, to others. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class AddWork extends InputWork {
  private final RowKernel kernel;
  private CpuActivations out;
  private float factor;
  private int @Nullable [] outputRows;
  private float @Nullable [] factors;
  private int first;

  AddWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  AddWork of(CpuActivations input, float multiplier, CpuActivations output) {
    in = input;
    factor = multiplier;
    outputRows = null;
    factors = null;
    firstInput = 0;
    out = output;
    return this;
  }

  /**
   * To which rows others are added, each times a factor of its own.
   *
   * @param inputRow the first of the others
   * @param rows their numbers, which differ
   * @param multipliers their factors
   * @param from where those of the first one are
   */
  AddWork of(
      CpuActivations input,
      int inputRow,
      int[] rows,
      float[] multipliers,
      int from,
      CpuActivations output) {
    in = input;
    firstInput = inputRow;
    outputRows = rows;
    factors = multipliers;
    first = from;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    int to = outputRows == null ? row : outputRows[first + row];
    float multiplier = factors == null ? factor : factors[first + row];
    kernel.addScaled(in, in.row(firstInput + row), multiplier, in.columns(), out, out.row(to));
  }
}

package dev.serval.models.cpu;

import org.jspecify.annotations.Nullable;

/** A linear map of a step's rows. Its parts are the matrix's panels times blocks of rows. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class LinearWork implements WorkCrew.Work {
  /** The most rows that a part has. */
  static final int ROW_BLOCK = 32;

  private PackedMatrix matrix;
  private CpuActivations in;
  private CpuActivations out;
  private CpuWeight.@Nullable Vector bias;
  private int @Nullable [] sourceRows;
  private boolean add;
  private int rows;

  /** What to multiply; rows are mapped one to one. */
  LinearWork of(PackedMatrix weight, CpuActivations input, CpuActivations output, int rowCount) {
    matrix = weight;
    in = input;
    out = output;
    bias = null;
    sourceRows = null;
    add = false;
    rows = rowCount;
    return this;
  }

  /** What to add to each row, and whether to add the sum to what is there. */
  LinearWork adding(CpuWeight.@Nullable Vector vector, boolean toOutput) {
    bias = vector;
    add = toOutput;
    return this;
  }

  /** From which input row each output row comes. */
  LinearWork from(int[] inputRows) {
    sourceRows = inputRows;
    return this;
  }

  @Override
  public int parts() {
    return matrix.panels() * Math.ceilDiv(rows, ROW_BLOCK);
  }

  @Override
  public long operations() {
    return (long) rows * matrix.rows() * matrix.columns();
  }

  @Override
  public void part(int part, int worker) {
    int panels = matrix.panels();
    int from = part / panels * ROW_BLOCK;
    matrix.multiply(this, part % panels, from, Math.min(from + ROW_BLOCK, rows), worker);
  }

  CpuActivations in() {
    return in;
  }

  /** Where an output row's input begins, in elements of {@link #in}. */
  long source(int row) {
    return in.row(sourceRows == null ? row : sourceRows[row]);
  }

  /** Adds the bias and puts sums where they belong. */
  void store(int row, int firstColumn, float[] sums, int count) {
    if (bias != null) {
      for (int i = 0; i < count; i++) {
        sums[i] += bias.at(firstColumn + i);
      }
    }
    long at = out.row(row) + firstColumn;
    if (add) {
      for (int i = 0; i < count; i++) {
        out.set(at + i, out.at(at + i) + sums[i]);
      }
    } else {
      out.set(at, sums, count);
    }
  }
}

package dev.serval.models.cpu.linear;

import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import org.jspecify.annotations.Nullable;

/** A linear map of a step's rows. Its parts are those into which the matrix cuts it. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class LinearWork implements WorkCrew.Work {
  private PackedMatrix matrix;
  private CpuActivations in;
  private CpuActivations out;
  private CpuWeight.@Nullable Vector bias;
  private int @Nullable [] sourceRows;
  private int firstRow;
  private int firstOutput;
  private int inputColumn;
  private int outputColumn;
  private int firstInput;
  private int allInputs;
  private boolean add;
  private int rows;
  private long serial;

  /** What to multiply; rows are mapped one to one. */
  public LinearWork of(
      PackedMatrix weight, CpuActivations input, CpuActivations output, int rowCount) {
    matrix = weight;
    in = input;
    out = output;
    bias = null;
    sourceRows = null;
    firstRow = 0;
    firstOutput = 0;
    inputColumn = 0;
    outputColumn = 0;
    firstInput = 0;
    allInputs = rowCount;
    add = false;
    rows = rowCount;
    serial++;
    return this;
  }

  /** What to add to each row, and whether to add the sum to what is there. */
  public LinearWork adding(CpuWeight.@Nullable Vector vector, boolean toOutput) {
    bias = vector;
    add = toOutput;
    return this;
  }

  /** From which input row on output rows come. */
  public LinearWork from(int inputRow) {
    firstRow = inputRow;
    return this;
  }

  /**
   * From which input row each output row comes.
   *
   * @param inputRows the numbers of the rows
   * @param first where that of the first output row is
   */
  public LinearWork from(int[] inputRows, int first) {
    sourceRows = inputRows;
    firstRow = first;
    return this;
  }

  /** To which output row on rows go. */
  public LinearWork to(int outputRow) {
    firstOutput = outputRow;
    return this;
  }

  /** From which column on inputs come, and to which on results go. */
  LinearWork columns(int input, int output) {
    inputColumn = input;
    outputColumn = output;
    return this;
  }

  /**
   * Computed together with others, by matrices of as many columns, each of whose inputs are kept
   * until all are done.
   *
   * @param first where this one's are kept, in rows
   * @param all how many rows are kept
   */
  LinearWork among(int first, int all) {
    firstInput = first;
    allInputs = all;
    return this;
  }

  /** Lets the matrix get ready. */
  void prepare(WorkCrew crew) {
    matrix.prepare(this, crew);
  }

  /** Has a crew multiply. */
  public void run(WorkCrew crew) {
    prepare(crew);
    crew.run(this);
  }

  @Override
  public int parts() {
    return matrix.parts(rows);
  }

  @Override
  public long operations() {
    return (long) rows * matrix.rows() * matrix.columns();
  }

  @Override
  public void part(int part, int worker) {
    matrix.multiply(this, part, worker);
  }

  /** How many rows the product has. */
  public int rows() {
    return rows;
  }

  /** From which row on its inputs are kept, of those of {@link #allInputs}. */
  public int firstInput() {
    return firstInput;
  }

  /** For how many rows of inputs there is to be room. */
  public int allInputs() {
    return allInputs;
  }

  /** A number that no other product of its backend has. */
  public long serial() {
    return serial;
  }

  /** Where results go. */
  public CpuActivations out() {
    return out;
  }

  /** Whether sums are added to what is there. */
  public boolean adds() {
    return add;
  }

  /** Whether there is a bias to be added to sums. */
  public boolean biased() {
    return bias != null;
  }

  /** The inputs. */
  public CpuActivations in() {
    return in;
  }

  /** Where an output row's input begins, in elements of {@link #in}. */
  public long source(int row) {
    int source = sourceRows == null ? firstRow + row : sourceRows[firstRow + row];
    return in.row(source) + inputColumn;
  }

  /** Where a row of the product goes, in elements of {@link #out}. */
  public long target(int row) {
    return out.row(firstOutput + row) + outputColumn;
  }

  /**
   * Adds the bias and puts sums where they belong.
   *
   * @param row the output's row
   * @param firstColumn the output's column that the first sum belongs to
   * @param sums the sums, which may be overwritten
   * @param from where the first one is
   * @param count how many there are
   */
  public void store(int row, int firstColumn, float[] sums, int from, int count) {
    if (bias != null) {
      addBias(bias, firstColumn, sums, from, count);
    }
    long at = target(row) + firstColumn;
    if (add) {
      addTo(out, at, sums, from, count);
    }
    out.set(at, sums, from, count);
  }

  private static void addBias(CpuWeight.Vector bias, int first, float[] sums, int from, int count) {
    for (int i = 0; i < count; i++) {
      sums[from + i] += bias.at(first + i);
    }
  }

  private static void addTo(CpuActivations out, long at, float[] sums, int from, int count) {
    for (int i = 0; i < count; i++) {
      sums[from + i] = out.at(at + i) + sums[from + i];
    }
  }
}

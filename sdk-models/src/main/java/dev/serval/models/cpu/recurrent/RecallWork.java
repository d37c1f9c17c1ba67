package dev.serval.models.cpu.recurrent;

import dev.serval.api.compute.StepBatch;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;

/**
 * Matrices that learn values under keys and give what they know under queries, row after row. Its
 * parts are value heads of a sequence, each with a matrix of its own; rows of a run are gone
 * through one after the other, so that chunks of any size give the same bits.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public abstract class RecallWork implements WorkCrew.Work {
  /** Beyond it, ln(1 + exp(x)) is x. */
  private static final float LINEAR = 20;

  private final RecurrentKernel kernel;
  private final float[][] kept;
  private final float[][] strengths;
  private CarriedStates states;
  private int heads;
  private int keyDim;
  private int valueDim;
  private long matricesAt;
  private CpuActivations between;
  private CpuActivations out;

  RecallWork(RecurrentKernel kernel, int workers) {
    this.kernel = kernel;
    kept = new float[workers][0];
    strengths = new float[workers][0];
  }

  /** How many heads there are, how large their matrices, and where the first is in a state. */
  final void size(CarriedStates carried, int count, int rows, int columns, long first) {
    states = carried;
    heads = count;
    keyDim = rows;
    valueDim = columns;
    matricesAt = first;
    for (int worker = 0; worker < kept.length; worker++) {
      if (kept[worker].length < carried.batch().maxRows()) {
        kept[worker] = new float[carried.batch().maxRows()];
        strengths[worker] = new float[carried.batch().maxRows()];
      }
    }
  }

  /** Where queries, keys and values are, and where what is recalled goes. */
  final void rows(CpuActivations given, CpuActivations recalled) {
    between = given;
    out = recalled;
  }

  /** Says how much of its matrix a row leaves, and how much it learns. */
  abstract void weigh(int row, int turn, int head, int worker);

  /** What is recalled of a row is there. */
  abstract void recalled(int row, int head, int worker);

  /** Whether a row learns what its value is beyond what is known under its key. */
  public abstract boolean corrects();

  /** Where a value head's query of a row begins. */
  public abstract long query(int row, int head);

  /** Where its key begins. */
  public abstract long key(int row, int head);

  /** Where its value begins. */
  public abstract long value(int row, int head);

  /** ln(1 + exp(x)). */
  static float softplus(float x) {
    return x > LINEAR ? x : (float) StrictMath.log1p(Exponential.of(x));
  }

  @Override
  public final int parts() {
    return states.batch().sequences() * heads;
  }

  @Override
  public final long operations() {
    return 2L * states.batch().rows() * heads * keyDim * valueDim;
  }

  @Override
  public final void part(int part, int worker) {
    StepBatch batch = states.batch();
    int sequence = part / heads;
    int head = part % heads;
    int end = batch.firstRow(sequence + 1);
    int row = batch.firstRow(sequence);
    while (row < end) {
      int position = batch.position(row);
      int rows = Math.min(end - row, states.left(position));
      long matrix = matrix(sequence, position, head);
      if (states.enters(position)) {
        enter(sequence, position, head, matrix);
      }
      for (int turn = 0; turn < rows; turn++) {
        weigh(row + turn, turn, head, worker);
      }
      kernel.recall(this, head, row, rows, matrix, 0, worker);
      row += rows;
    }
    for (row = batch.firstRow(sequence); row < end; row++) {
      recalled(row, head, worker);
    }
  }

  private long matrix(int sequence, int position, int head) {
    return states.behind(sequence, position) + matricesAt + head * matrixBytes();
  }

  private long matrixBytes() {
    return (long) keyDim * valueDim * Float.BYTES;
  }

  /** Brings a head's matrix into a block that the sequence has nothing in yet. */
  private void enter(int sequence, int position, int head, long matrix) {
    if (position == 0) {
      states.data().asSlice(matrix, matrixBytes()).fill((byte) 0);
    } else {
      long before = matrix(sequence, position - 1, head);
      MemorySegment.copy(states.data(), before, states.data(), matrix, matrixBytes());
    }
  }

  /** How many rows a matrix has. */
  public final int keyDim() {
    return keyDim;
  }

  /** How many columns a matrix has. */
  public final int valueDim() {
    return valueDim;
  }

  /** Where the matrices are. */
  public final MemorySegment matrices() {
    return states.data();
  }

  /** Queries, keys and values. */
  public final CpuActivations between() {
    return between;
  }

  /** Where what is recalled goes. */
  public final CpuActivations out() {
    return out;
  }

  /** Where what a head recalls of a row goes. */
  public final long result(int row, int head) {
    return out.row(row) + (long) head * valueDim;
  }

  /** How much of its matrix each row leaves, the first first. */
  public final float[] kept(int worker) {
    return kept[worker];
  }

  /** How much each row learns. */
  public final float[] strengths(int worker) {
    return strengths[worker];
  }
}

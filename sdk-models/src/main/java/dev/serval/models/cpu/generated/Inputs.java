package dev.serval.models.cpu.generated;

import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearWork;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Inputs of a product, or of several that are computed together, turned into what tiles multiply:
 * {@code [tile][group][row of the tile]}. Made once for each product, by the crew if they are many;
 * a part is a tile's rows.
 */
@SuppressWarnings("NullAway.Init") // reused for every product, and filled before each
final class Inputs implements WorkCrew.Work {
  private static final int ALIGNMENT = 64;
  private static final int OPERATIONS_PER_ELEMENT = 2;
  private static final long GROUP = (long) ActivationGroup.COLUMNS * Float.BYTES;

  private final InputForm form;
  private final MemorySegment routine;
  private final NativeMemory owner;
  private final List<MemorySegment> tails;
  private @Nullable NativeMemory held;
  private MemorySegment data = MemorySegment.NULL;
  private LinearWork product;
  private long serial = -1;
  private int columns;
  private int groups;
  private int maxRows;

  /**
   * Empty inputs.
   *
   * @param form what rows are turned into
   * @param owner who has the memory
   * @param workers how many work together
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  Inputs(InputForm form, NativeMemory owner, int workers) {
    this.form = form;
    this.owner = owner;
    routine = MachineCode.of(List.of(form.routine())).routine(0);
    tails =
        IntStream.range(0, workers).mapToObj(worker -> owner.allocate(GROUP, ALIGNMENT)).toList();
  }

  /** The routine that turns a row. */
  MemorySegment routine() {
    return routine;
  }

  /** Takes in the rows of a product, unless that was done for another part of its matrix. */
  void take(LinearWork work, int columnCount, int tileRows, WorkCrew crew) {
    if (serial == work.serial() && product == work && maxRows == tileRows) {
      return;
    }
    product = work;
    serial = work.serial();
    columns = columnCount;
    maxRows = tileRows;
    groups = Math.ceilDiv(columns, ActivationGroup.COLUMNS);
    if (work.rows() > 0) {
      makeRoom((long) work.allInputs() * groups * form.bytes());
      crew.run(this);
    }
  }

  private void makeRoom(long bytes) {
    if (data.byteSize() < bytes) {
      if (held != null) {
        held.close();
      }
      held = owner.child("inputs");
      data = held.allocate(bytes, ALIGNMENT);
    }
  }

  @Override
  public int parts() {
    return tiles(product.rows(), maxRows);
  }

  @Override
  public long operations() {
    return (long) product.rows() * columns * OPERATIONS_PER_ELEMENT;
  }

  @Override
  public void part(int tile, int worker) {
    int from = firstRow(tile, product.rows(), maxRows);
    int to = firstRow(tile + 1, product.rows(), maxRows);
    for (int row = from; row < to; row++) {
      long at = at(product, from) + (long) (row - from) * form.bytes();
      turn(product.source(row), at, (long) (to - from) * form.bytes(), worker);
    }
  }

  private void turn(long source, long at, long step, int worker) {
    MemorySegment in = product.in().data();
    int whole = columns / ActivationGroup.COLUMNS;
    long row = in.address() + source * Float.BYTES;
    if (whole > 0) {
      NativeCalls.input(routine, row, at, whole, step);
    }
    if (whole < groups) {
      MemorySegment tail = tails.get(worker);
      int count = columns - whole * ActivationGroup.COLUMNS;
      tail.fill((byte) 0);
      MemorySegment.copy(
          in,
          ValueLayout.JAVA_FLOAT,
          (source + columns - count) * Float.BYTES,
          tail,
          ValueLayout.JAVA_FLOAT,
          0,
          count);
      NativeCalls.input(routine, tail.address(), at + whole * step, 1, step);
    }
  }

  /** The address of the tile of a product that begins with this row. */
  long at(LinearWork work, int row) {
    return data.address() + (long) (work.firstInput() + row) * groups * form.bytes();
  }

  /** Into how many tiles rows are cut: as few as may be, of almost equal size. */
  static int tiles(int rows, int maxRows) {
    return Math.ceilDiv(rows, maxRows);
  }

  /** The first row of a tile, or behind the last row of the one before it. */
  static int firstRow(int tile, int rows, int maxRows) {
    return (int) ((long) rows * tile / tiles(rows, maxRows));
  }
}

package dev.serval.models.cpu.plain;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A matrix multiplied in plain Java. */
abstract sealed class PlainMatrix implements PackedMatrix
    permits BlockMatrix, PlainMatrix.F32, PlainMatrix.F16, PlainMatrix.Bf16 {
  /*
   * The compiler vectorises a loop over arrays whose iterations are independent; it never
   * vectorises a sum of floats, since that would change the order of additions. So lanes are rows
   * of the matrix: each has a sum of its own, and the loop runs over the lanes of a panel, adding
   * four columns at a time: with more, the loop is too large for the compiler to vectorise. For
   * this, panels lie column after column, lane after lane.
   *
   * A tile of a few columns is first widened to F32 arrays, which fit into the first-level cache,
   * and then used for every row of the step. Widening BF16 vectorises only on whole ints, which is
   * why two columns share one: a shift gives the lower, a mask the upper. The widened bits are
   * written through a view of the float array, since turning int bits into floats does not
   * vectorise.
   *
   * The order in which an output is added up is fixed by the number of columns: groups of four,
   * each as a balanced tree, one after the other. Columns behind the last count as 0 times 0.
   * Neither panels, nor tiles, nor the rows of the step appear in it.
   */
  private final PanelShape shape;
  private final MemorySegment data;
  private final List<PanelScratch> scratch;

  PlainMatrix(PanelShape shape, MemorySegment data, List<PanelScratch> scratch) {
    this.shape = shape;
    this.data = data;
    this.scratch = scratch;
  }

  /** Widens some columns of a panel into the scratch's tile. */
  abstract void widen(long at, int lanes, int firstColumn, int count, PanelScratch tile);

  /** One element, the panel's first byte and its number of lanes given. */
  abstract float element(long at, int lanes, int lane, int column);

  @Override
  public int rows() {
    return shape.rows();
  }

  @Override
  public int columns() {
    return shape.columns();
  }

  @Override
  public int parts(int rows) {
    return shape.panels() * Math.ceilDiv(rows, PanelScratch.ROWS);
  }

  MemorySegment data() {
    return data;
  }

  @Override
  public void multiply(LinearWork product, int part, int worker) {
    int from = part / shape.panels() * PanelScratch.ROWS;
    int to = Math.min(from + PanelScratch.ROWS, product.rows());
    multiply(product, part % shape.panels(), from, to, worker);
  }

  private void multiply(LinearWork product, int panel, int from, int to, int worker) {
    PanelScratch own = scratch.get(worker);
    int lanes = shape.lanes(panel);
    own.clearSums(to - from, lanes);
    for (int first = 0; first < columns(); first += PanelScratch.TILE) {
      int count = Math.min(PanelScratch.TILE, columns() - first);
      widen(shape.at(panel), lanes, first, count, own);
      own.clearColumns(count, lanes);
      for (int row = from; row < to; row++) {
        addTile(product, row, row - from, first, count, lanes, own);
      }
    }
    for (int row = from; row < to; row++) {
      product.store(row, shape.firstRow() + panel * shape.width(), own.sums(row - from), 0, lanes);
    }
  }

  private static void addTile(
      LinearWork product, int row, int sum, int first, int count, int lanes, PanelScratch own) {
    long source = product.source(row) + first;
    for (int column = 0; column < count; column += PanelScratch.GROUP) {
      int group = column / PanelScratch.GROUP;
      int used = Math.min(PanelScratch.GROUP, count - column);
      own.addGroup(group, product.in(), source + column, used, sum, lanes);
    }
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at, int worker) {
    int panel = row / shape.width();
    int lane = row % shape.width();
    for (int column = 0; column < columns(); column++) {
      out.set(at + column, element(shape.at(panel), shape.lanes(panel), lane, column));
    }
  }

  /** Elements as they are. */
  static final class F32 extends PlainMatrix {
    F32(PanelShape shape, MemorySegment data, List<PanelScratch> scratch) {
      super(shape, data, scratch);
    }

    @Override
    public DType dtype() {
      return DType.F32;
    }

    @Override
    void widen(long at, int lanes, int firstColumn, int count, PanelScratch tile) {
      for (int column = 0; column < count; column++) {
        long from = at + (long) (firstColumn + column) * lanes * Float.BYTES;
        MemorySegment.copy(data(), ValueLayout.JAVA_FLOAT, from, tile.column(column), 0, lanes);
      }
    }

    @Override
    float element(long at, int lanes, int lane, int column) {
      return data().get(ValueLayout.JAVA_FLOAT, at + ((long) column * lanes + lane) * Float.BYTES);
    }
  }

  /** Elements as binary16. */
  static final class F16 extends PlainMatrix {
    F16(PanelShape shape, MemorySegment data, List<PanelScratch> scratch) {
      super(shape, data, scratch);
    }

    @Override
    public DType dtype() {
      return DType.F16;
    }

    @Override
    void widen(long at, int lanes, int firstColumn, int count, PanelScratch tile) {
      for (int column = 0; column < count; column++) {
        long from = at + (long) (firstColumn + column) * lanes * Short.BYTES;
        widen(data(), from, tile.column(column), lanes);
      }
    }

    private static void widen(MemorySegment data, long from, float[] to, int lanes) {
      for (int i = 0; i < lanes; i++) {
        to[i] = Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, from + 2L * i));
      }
    }

    @Override
    float element(long at, int lanes, int lane, int column) {
      return Float.float16ToFloat(
          data().get(ValueLayout.JAVA_SHORT, at + ((long) column * lanes + lane) * Short.BYTES));
    }
  }

  /** Pairs of BF16, the lower column in the lower half of an int. */
  static final class Bf16 extends PlainMatrix {
    private static final int UPPER = 0xFFFF0000;

    Bf16(PanelShape shape, MemorySegment data, List<PanelScratch> scratch) {
      super(shape, data, scratch);
    }

    @Override
    public DType dtype() {
      return DType.BF16;
    }

    @Override
    void widen(long at, int lanes, int firstColumn, int count, PanelScratch tile) {
      for (int column = 0; column < count; column += 2) {
        long from = at + (long) (firstColumn + column) / 2 * lanes * Integer.BYTES;
        widen(data(), from, tile.columnBits(column), tile.columnBits(column + 1), lanes);
      }
    }

    private static void widen(
        MemorySegment data, long from, MemorySegment lower, MemorySegment upper, int lanes) {
      for (int i = 0; i < lanes; i++) {
        int pair = data.get(ValueLayout.JAVA_INT, from + 4L * i);
        lower.set(ValueLayout.JAVA_INT, 4L * i, pair << Short.SIZE);
      }
      for (int i = 0; i < lanes; i++) {
        int pair = data.get(ValueLayout.JAVA_INT, from + 4L * i);
        upper.set(ValueLayout.JAVA_INT, 4L * i, pair & UPPER);
      }
    }

    @Override
    float element(long at, int lanes, int lane, int column) {
      long word = at + ((long) column / 2 * lanes + lane) * Integer.BYTES;
      int pair = data().get(ValueLayout.JAVA_INT, word);
      return Float.intBitsToFloat(column % 2 == 0 ? pair << Short.SIZE : pair & UPPER);
    }
  }
}

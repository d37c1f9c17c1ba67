package dev.serval.models.cpu.vector;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** A matrix multiplied by the Vector API. */
final class VectorMatrix implements PackedMatrix {
  /*
   * Lanes are rows of the matrix: each output is a sum of its own, and nothing is ever added across
   * lanes. Panels are two vectors wide, and within a panel column after column, so that weights are
   * read in the order in which they lie.
   *
   * A part of a product is a run of panels times a run of rows. It goes over the columns a stretch at
   * a time (Goto and van de Geijn, https://doi.org/10.1145/1356052.1356053): the inputs of a stretch
   * are copied together, which stay in the second-level cache; then, panel by panel, the weights of the
   * stretch are unpacked to F32, which stay in the first-level cache, and used for all rows by kernels
   * that keep their sums in registers (TileProducts). With few rows several panels are unpacked
   * together, so that there are always enough independent sums to hide the latency of an addition.
   * What is unpacked is fetched into the second-level cache before, and on some processors what is
   * not, too.
   *
   * A few rows of Q8_0 and, with AVX-512, any number of BF16 are multiplied without a tile: two
   * instructions make a vector's weights of a pair of BF16, and with four rows and two panels at a time
   * that is as fast as from a tile. As long as inputs of all columns can be held, weights are then read
   * from a panel's first column to its last; two panels are two streams, which a processor fetches
   * ahead further than one.
   *
   * An output is one chain of fused multiplications and additions over its columns in their order,
   * begun at 0. Stretches interrupt the chain without changing it; panels, parts, kernels and the
   * number of lanes do not appear in it. So a row has the same bits alone and in any batch.
   */
  private static final int FEW_ROWS = 3;
  private static final int PANELS_FOR_FEW_ROWS = 8;

  private final PanelLayout layout;
  private final MemorySegment data;
  private final Unpacking unpacking;
  private final Optional<PackedProducts> products;
  private final List<LinearScratch> scratch;
  private final boolean fetchesFirst;

  VectorMatrix(
      PanelLayout layout, MemorySegment data, List<LinearScratch> scratch, boolean fetchesFirst) {
    this.fetchesFirst = fetchesFirst;
    this.layout = layout;
    this.data = data;
    this.scratch = scratch;
    unpacking = Unpacking.of(layout);
    products = unpacking instanceof PackedProducts packed ? Optional.of(packed) : Optional.empty();
  }

  @Override
  public int rows() {
    return layout.rows();
  }

  @Override
  public int columns() {
    return layout.columns();
  }

  @Override
  public DType dtype() {
    return layout.dtype();
  }

  MemorySegment data() {
    return data;
  }

  @Override
  public int parts(int rows) {
    return groups(rows) * rowBlocks(rows);
  }

  /** Runs of panels: equally many for each worker, if there are enough. */
  private int groups(int rows) {
    int most = rows <= FEW_ROWS ? PANELS_FOR_FEW_ROWS : LinearScratch.PANELS;
    return PanelRuns.count(layout.panels(), most, scratch.size());
  }

  private boolean packed(int rows) {
    return products.isPresent() && rows <= products.get().mostRows();
  }

  private int rowBlocks(int rows) {
    return Math.ceilDiv(rows, packed(rows) ? LinearScratch.PACKED_ROWS : LinearScratch.ROWS);
  }

  private int blockRows(int rows) {
    int even = Math.ceilDiv(rows, rowBlocks(rows));
    return Math.min(Math.ceilDiv(even, TileProducts.MOST_ROWS) * TileProducts.MOST_ROWS, rows);
  }

  @Override
  public void multiply(LinearWork product, int part, int worker) {
    int rows = product.rows();
    int groups = groups(rows);
    int group = part % groups;
    int firstPanel = PanelRuns.first(layout.panels(), groups, group);
    int endPanel = PanelRuns.first(layout.panels(), groups, group + 1);
    int from = part / groups * blockRows(rows);
    int to = Math.min(from + blockRows(rows), rows);
    LinearScratch own = scratch.get(worker);
    if (from < to && packed(rows)) {
      multiplyPacked(products.get(), product, firstPanel, endPanel, from, to, own);
    } else if (from < to) {
      multiplyUnpacked(product, firstPanel, endPanel, from, to, own);
    }
  }

  /** Goes over all columns at once if inputs can be held, which reads weights as they lie. */
  private void multiplyPacked(
      PackedProducts products,
      LinearWork product,
      int firstPanel,
      int endPanel,
      int from,
      int to,
      LinearScratch own) {
    int rows = to - from;
    int together = products.together(rows);
    int stretch = LinearScratch.holds(rows, columns()) ? columns() : LinearScratch.PACKED_STRETCH;
    int step = LinearScratch.step(stretch);
    own.clearSums(rows);
    for (int column = 0; column < columns(); column += stretch) {
      int count = Math.min(stretch, columns() - column);
      own.readInputs(product, from, to, column, count, step);
      for (int panel = firstPanel; panel < endPanel; panel += together) {
        int end = Math.min(panel + together, endPanel);
        addProducts(products, panel, end, column, count, step, firstPanel, rows, own);
      }
    }
    store(product, firstPanel, endPanel, from, to, own);
  }

  /** Adds the products of so many columns from one on, for the rows whose inputs are held. */
  private void addProducts(
      PackedProducts products,
      int panel,
      int endPanel,
      int column,
      int count,
      int step,
      int firstPanel,
      int rows,
      LinearScratch own) {
    long bytes = layout.panelBytes();
    long at = layout.at(panel, column);
    int sumAt = (panel - firstPanel) * Lanes.WIDTH;
    if (fetchesFirst && rows > 1) {
      for (int i = panel; i < endPanel; i++) {
        own.fetch(data, layout.at(i, column), Lanes.WIDTH * layout.dtype().bytes(count));
      }
    }
    products.multiplyRows(data, at, bytes, endPanel - panel, count, own, step, sumAt, rows);
  }

  private void multiplyUnpacked(
      LinearWork product, int firstPanel, int endPanel, int from, int to, LinearScratch own) {
    int together = TileProducts.together(to - from);
    int stretch = LinearScratch.STRETCH / together;
    own.clearSums(to - from);
    for (int column = 0; column < columns(); column += stretch) {
      int count = Math.min(stretch, columns() - column);
      own.readInputs(product, from, to, column, count, TileProducts.STEP);
      for (int panel = firstPanel; panel < endPanel; panel += together) {
        unpack(panel, Math.min(panel + together, endPanel), column, count, own);
        own.addTile((panel - firstPanel) * Lanes.WIDTH, to - from, count);
      }
    }
    store(product, firstPanel, endPanel, from, to, own);
  }

  private void unpack(int firstPanel, int endPanel, int column, int count, LinearScratch own) {
    int at = 0;
    for (int panel = firstPanel; panel < endPanel; panel++) {
      long bytes = layout.panelBytes();
      own.fetch(data, layout.at(panel) + bytes * column / columns(), bytes * count / columns());
      unpacking.unpack(data, layout.at(panel), column, count, own, at);
      at += count * Lanes.WIDTH;
    }
  }

  private void store(
      LinearWork product, int firstPanel, int endPanel, int from, int to, LinearScratch own) {
    int first = firstPanel * Lanes.WIDTH;
    int count = Math.min(endPanel * Lanes.WIDTH, rows()) - first;
    for (int row = from; row < to; row++) {
      int at = (row - from) * LinearScratch.SUM_STEP;
      product.store(row, layout.firstRow() + first, own.sums, at, count);
    }
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at, int worker) {
    LinearScratch own = scratch.get(worker);
    int lane = row % Lanes.WIDTH;
    for (int column = 0; column < columns(); column += LinearScratch.STRETCH) {
      int count = Math.min(LinearScratch.STRETCH, columns() - column);
      unpacking.unpack(data, layout.at(row / Lanes.WIDTH), column, count, own, 0);
      for (int i = 0; i < count; i++) {
        out.set(at + column + i, own.tile[i * Lanes.WIDTH + lane]);
      }
    }
  }
}

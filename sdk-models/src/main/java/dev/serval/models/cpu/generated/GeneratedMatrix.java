package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.CpuActivations;
import dev.serval.models.cpu.LinearWork;
import dev.serval.models.cpu.PackedMatrix;
import dev.serval.models.cpu.WorkCrew;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A matrix in blocks of rows. A part of a product is a panel, which is a run of blocks, times a run
 * of tiles. A panel is so small that it comes from memory once, for the first tile, and is found in
 * the second-level cache by the others, while a tile's inputs stay in the first-level cache.
 */
final class GeneratedMatrix implements PackedMatrix {
  private static final int TILES = 8;
  private static final long PANEL_BYTES = 1 << 17;
  private static final int PANELS_PER_WORKER = 4;

  private final int firstRow;
  private final int rows;
  private final int columns;
  private final DType dtype;
  private final BlockLayout layout;
  private final MemorySegment data;
  private final TileKernels kernels;
  private final Inputs inputs;
  private final List<TileScratch> scratch;
  private final int blocks;
  private final int panels;
  private final long blockBytes;
  private final int groups;

  GeneratedMatrix(
      int firstRow,
      int rows,
      int columns,
      DType dtype,
      BlockLayout layout,
      MemorySegment data,
      TileKernels kernels,
      Inputs inputs,
      List<TileScratch> scratch) {
    this.firstRow = firstRow;
    this.rows = rows;
    this.columns = columns;
    this.dtype = dtype;
    this.layout = layout;
    this.data = data;
    this.kernels = kernels;
    this.inputs = inputs;
    this.scratch = scratch;
    blocks = blocks(rows, layout);
    panels = panels(blocks, layout.blockBytes(), scratch.size());
    blockBytes = layout.blockBytes();
    groups = layout.groups();
  }

  /** How many blocks so many rows take. */
  static int blocks(int rows, BlockLayout layout) {
    return Math.ceilDiv(rows, layout.lanes());
  }

  private static int panels(int blocks, long blockBytes, int workers) {
    int bySize = Math.toIntExact(Math.ceilDiv(blocks * blockBytes, PANEL_BYTES));
    int even = Math.ceilDiv(Math.max(bySize, workers * PANELS_PER_WORKER), workers) * workers;
    return Math.min(blocks, even);
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  @Override
  public int parts(int productRows) {
    return panels * Math.ceilDiv(Inputs.tiles(productRows, kernels.maxRows()), TILES);
  }

  @Override
  public void prepare(LinearWork product, WorkCrew crew) {
    requireAlive(data, "weights");
    requireAlive(product.in().data(), "inputs");
    requireAlive(product.out().data(), "outputs");
    inputs.take(product, columns, kernels.maxRows(), crew);
  }

  /** Generated code works with addresses, so nothing else would notice. */
  private static void requireAlive(MemorySegment segment, String what) {
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the memory of the " + what + " is closed");
    }
  }

  @Override
  public void multiply(LinearWork product, int part, int worker) {
    int panel = part % panels;
    int from = (int) ((long) blocks * panel / panels);
    int to = (int) ((long) blocks * (panel + 1) / panels);
    int tiles = Inputs.tiles(product.rows(), kernels.maxRows());
    int endTile = Math.min((part / panels + 1) * TILES, tiles);
    for (int tile = part / panels * TILES; tile < endTile; tile++) {
      int first = Inputs.firstRow(tile, product.rows(), kernels.maxRows());
      int end = Inputs.firstRow(tile + 1, product.rows(), kernels.maxRows());
      multiply(product, first, end - first, from, to, scratch.get(worker));
    }
  }

  private void multiply(
      LinearWork product, int first, int count, int from, int to, TileScratch own) {
    int whole = product.biased() ? from : Math.clamp(rows / layout.lanes(), from, to);
    toOutput(product, first, count, from, whole);
    for (int block = whole; block < to; block++) {
      throughScratch(product, first, count, block, own);
    }
  }

  private void toOutput(LinearWork product, int first, int count, int from, int to) {
    CpuActivations out = product.out();
    Ending ending = product.adds() ? Ending.ADD : Ending.STORE;
    long step = (long) out.columns() * Float.BYTES;
    long output = out.data().address() + (out.row(first) + firstRow) * Float.BYTES;
    int block = from;
    for (int width = kernels.maxBlocks(count); width > 0; width /= 2) {
      MemorySegment code = kernels.routine(ending, count, width);
      for (; block + width <= to; block += width) {
        long at = output + (long) block * layout.lanes() * Float.BYTES;
        run(code, block, inputs.at(first), at, step);
      }
    }
  }

  /** For sums that are not to go where others are: of lanes without a row, or before a bias. */
  private void throughScratch(
      LinearWork product, int first, int count, int block, TileScratch own) {
    int lanes = layout.lanes();
    MemorySegment code = kernels.routine(Ending.STORE, count, 1);
    run(code, block, inputs.at(first), own.address(), (long) lanes * Float.BYTES);
    int used = Math.min(lanes, rows - block * lanes);
    for (int row = 0; row < count; row++) {
      float[] sums = own.sums(row * lanes, used);
      product.store(first + row, firstRow + block * lanes, sums, 0, used);
    }
  }

  private void run(MemorySegment code, int block, long input, long output, long step) {
    long codes = data.address() + block * blockBytes;
    NativeCalls.tile(code, codes, input, output, step, groups, blockBytes);
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at, int worker) {
    long block = row / layout.lanes() * layout.blockBytes();
    int lane = row % layout.lanes();
    for (int column = 0; column < columns; column++) {
      out.set(at + column, layout.element(data, block, lane, column));
    }
  }
}

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
 * of tiles. The blocks of a panel are taken one after the other, each for all tiles of the part: so
 * a block comes from memory once, and is found in the cache by all tiles but the first.
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
    int tile = part / panels * TILES;
    int endTile = Math.min(tile + TILES, Inputs.tiles(product.rows(), kernels.maxRows()));
    int end = (int) ((long) blocks * (panel + 1) / panels);
    int from = (int) ((long) blocks * panel / panels);
    int most = kernels.maxBlocks(rowsOf(product, tile));
    for (int block = from; block < end; block += most) {
      int count = Math.min(most, end - block);
      for (int i = tile; i < endTile; i++) {
        multiply(product, i, block, count, scratch.get(worker));
      }
    }
  }

  private int rowsOf(LinearWork product, int tile) {
    int maxRows = kernels.maxRows();
    return Inputs.firstRow(tile + 1, product.rows(), maxRows)
        - Inputs.firstRow(tile, product.rows(), maxRows);
  }

  private void multiply(LinearWork product, int tile, int from, int count, TileScratch own) {
    int first = Inputs.firstRow(tile, product.rows(), kernels.maxRows());
    int tileRows = rowsOf(product, tile);
    int end = from + count;
    for (int block = from; block < end; ) {
      int now = kernels.blocks(tileRows, end - block);
      if (product.biased() || (block + now) * layout.lanes() > rows) {
        throughScratch(product, first, tileRows, block, now, own);
      } else {
        toOutput(product, first, tileRows, block, now);
      }
      block += now;
    }
  }

  private void toOutput(LinearWork product, int first, int tileRows, int block, int count) {
    CpuActivations out = product.out();
    long column = firstRow + (long) block * layout.lanes();
    run(
        product.adds() ? Ending.ADD : Ending.STORE,
        first,
        tileRows,
        block,
        count,
        out.data().address() + (out.row(first) + column) * Float.BYTES,
        (long) out.columns() * Float.BYTES);
  }

  /** For sums that are not to go where others are: of lanes without a row, or before a bias. */
  private void throughScratch(
      LinearWork product, int first, int tileRows, int block, int count, TileScratch own) {
    int lanes = count * layout.lanes();
    run(Ending.STORE, first, tileRows, block, count, own.address(), (long) lanes * Float.BYTES);
    int used = Math.min(lanes, rows - block * layout.lanes());
    for (int row = 0; row < tileRows; row++) {
      float[] sums = own.sums(row * lanes, used);
      product.store(first + row, firstRow + block * layout.lanes(), sums, used);
    }
  }

  private void run(
      Ending ending, int first, int tileRows, int block, int count, long output, long step) {
    long codes = data.address() + block * layout.blockBytes();
    long last =
        layout instanceof IntegerLayout integers
            ? codes + integers.codesBytes()
            : layout.blockBytes();
    kernels.multiply(
        ending, tileRows, count, codes, inputs.at(first), output, step, layout.groups(), last);
  }

  @Override
  public void expandRow(int row, CpuActivations out, long at) {
    long block = row / layout.lanes() * layout.blockBytes();
    int lane = row % layout.lanes();
    for (int column = 0; column < columns; column++) {
      out.set(at + column, layout.element(data, block, lane, column));
    }
  }
}

package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * A matrix in blocks of rows. A panel of blocks is so small that it comes from memory once, for the
 * first of several tiles, and is found in the second-level cache by the others, while a tile's
 * inputs stay in the first-level cache. Several tiles fetch the next panel meanwhile, each its
 * share: memory would else wait for the processor, then the processor for memory. A part of a
 * product is a panel times some tiles. A worker's parts follow one another, so that its next panel
 * is known.
 */
final class GeneratedMatrix implements PackedMatrix {
  private static final int TILES = 16;
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
  private final int[] panels;
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
    int together = kernels.maxBlocks(kernels.maxRows(), false);
    panels = panels(blocks, together, layout.blockBytes(), scratch.size());
    blockBytes = layout.blockBytes();
    groups = layout.groups();
  }

  /** How many blocks so many rows take. */
  static int blocks(int rows, BlockLayout layout) {
    return Math.ceilDiv(rows, layout.lanes());
  }

  /**
   * Where panels begin, and where the last one ends. Blocks that a tile of many rows multiplies
   * together are never in two.
   */
  private static int[] panels(int blocks, int together, long blockBytes, int workers) {
    int bySize = Math.toIntExact(Math.ceilDiv(blocks * blockBytes, PANEL_BYTES));
    int even = Math.ceilDiv(Math.max(bySize, workers * PANELS_PER_WORKER), workers) * workers;
    int units = Math.ceilDiv(blocks, together);
    int count = Math.min(units, even);
    int[] starts = new int[count + 1];
    Arrays.setAll(starts, panel -> together * (int) ((long) units * panel / count));
    starts[count] = blocks;
    return starts;
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
    return panels() * Math.ceilDiv(tiles(productRows), TILES);
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
    int panel = part % panels();
    int next = part + 1 < parts(product.rows()) ? (part + 1) % panels() : panel;
    int firstTile = firstTile(part / panels(), product.rows());
    int tiles = firstTile(part / panels() + 1, product.rows()) - firstTile;
    for (int tile = 0; tile < tiles; tile++) {
      long others = address(panels[next]) + panelBytes(next) * tile / tiles;
      multiply(product, firstTile + tile, panel, others, tiles, scratch.get(worker));
    }
  }

  private int tiles(int productRows) {
    return Inputs.tiles(productRows, kernels.maxRows());
  }

  /**
   * Where the tiles of a part begin: parts have almost as many each, so that none is left alone.
   */
  private int firstTile(int partOfTiles, int productRows) {
    int tiles = tiles(productRows);
    return tiles * partOfTiles / Math.ceilDiv(tiles, TILES);
  }

  private int panels() {
    return panels.length - 1;
  }

  private long panelBytes(int panel) {
    return (panels[panel + 1] - panels[panel]) * blockBytes;
  }

  private long address(int block) {
    return data.address() + block * blockBytes;
  }

  private void multiply(
      LinearWork product, int tile, int panel, long others, int share, TileScratch own) {
    int first = Inputs.firstRow(tile, product.rows(), kernels.maxRows());
    int count = Inputs.firstRow(tile + 1, product.rows(), kernels.maxRows()) - first;
    int from = panels[panel];
    int to = panels[panel + 1];
    int whole = product.biased() ? from : Math.clamp(rows / layout.lanes(), from, to);
    toOutput(product, first, count, from, whole, others, share);
    for (int block = whole; block < to; block++) {
      throughScratch(product, first, count, block, own);
    }
  }

  private void toOutput(
      LinearWork product, int first, int count, int from, int to, long others, int share) {
    CpuActivations out = product.out();
    Ending ending = product.adds() ? Ending.ADD : Ending.STORE;
    long step = (long) out.columns() * Float.BYTES;
    long output = out.data().address() + (product.target(first) + firstRow) * Float.BYTES;
    long shareBytes = blockBytes / share;
    int block = from;
    for (int width = kernels.maxBlocks(count, share == 1); block < to; width /= 2) {
      MemorySegment code = kernels.routine(ending, count, width);
      long ask = share > 1 || kernels.fetchesNext(count) ? bytesPerAsk(width, share) : 0;
      for (; block + width <= to; block += width) {
        long at = output + (long) block * layout.lanes() * Float.BYTES;
        long fetched = others + (block - from) * shareBytes;
        if (share == 1) {
          fetched = block + width < to ? address(block + width) : others;
        }
        run(code, block, inputs.at(product, first), at, step, fetched, ask);
      }
    }
  }

  /** How far apart a tile asks for lines of others, if it fetches its share of as many blocks. */
  private long bytesPerAsk(int width, int share) {
    long asks = (long) groups * Tile.asks(width, layout.groupBytes());
    return Math.ceilDiv(width * blockBytes / share, asks);
  }

  /** For sums that are not to go where others are: of lanes without a row, or before a bias. */
  private void throughScratch(
      LinearWork product, int first, int count, int block, TileScratch own) {
    int lanes = layout.lanes();
    MemorySegment code = kernels.routine(Ending.STORE, count, 1);
    long step = (long) lanes * Float.BYTES;
    run(code, block, inputs.at(product, first), own.address(), step, address(block + 1), 0);
    int used = Math.min(lanes, rows - block * lanes);
    for (int row = 0; row < count; row++) {
      float[] sums = own.sums(row * lanes, used);
      product.store(first + row, firstRow + block * lanes, sums, 0, used);
    }
  }

  private void run(
      MemorySegment code, int block, long input, long output, long step, long others, long ask) {
    NativeCalls.tile(code, address(block), input, output, step, groups, blockBytes, others, ask);
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

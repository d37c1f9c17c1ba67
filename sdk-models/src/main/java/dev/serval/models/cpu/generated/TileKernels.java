package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The tiles of one type of matrices, ready to be called: for each number of rows and blocks. */
final class TileKernels {
  private final InputForm inputs;
  private final int maxRows;
  private final int[] maxBlocks;
  private final int[] maxBlocksAlone;
  private final Map<Ending, MemorySegment[][]> routines = new EnumMap<>(Ending.class);

  /** How to write a tile down. */
  private interface Author {
    Tile tile(int rows, int blocks, Ending ending);
  }

  private TileKernels(InputForm inputs, int[] maxBlocks, int[] maxBlocksAlone, Author author) {
    this.inputs = inputs;
    this.maxBlocks = maxBlocks;
    this.maxBlocksAlone = maxBlocksAlone;
    maxRows = maxBlocks.length;
    List<List<Instruction>> written = new ArrayList<>();
    forEach(
        (ending, rows, blocks) -> written.add(author.tile(rows, blocks, ending).instructions()));
    MachineCode code = MachineCode.of(written);
    int[] next = new int[1];
    for (Ending ending : Ending.values()) {
      routines.put(ending, room());
    }
    forEach((ending, rows, blocks) ->
        table(ending)[rows - 1][Integer.numberOfTrailingZeros(blocks)] = code.routine(next[0]++));
  }

  private MemorySegment[][] room() {
    MemorySegment[][] room = new MemorySegment[maxRows][];
    for (int row = 0; row < maxRows; row++) {
      room[row] = new MemorySegment[Integer.numberOfTrailingZeros(maxBlocks[row]) + 1];
    }
    return room;
  }

  @SuppressWarnings("NullAway") // there is one for each ending
  private MemorySegment[][] table(Ending ending) {
    return routines.get(ending);
  }

  /** What is done for each tile. */
  private interface Visitor {
    void visit(Ending ending, int rows, int blocks);
  }

  private void forEach(Visitor visitor) {
    for (Ending ending : Ending.values()) {
      for (int rows = 1; rows <= maxRows; rows++) {
        for (int blocks = 1; blocks <= maxBlocks[rows - 1]; blocks *= 2) {
          visitor.visit(ending, rows, blocks);
        }
      }
    }
  }

  /**
   * Those of integer codes.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  static TileKernels of(InstructionSet set, IntegerForm form) {
    int[] maxBlocks = new int[IntegerTile.MAX_ROWS];
    Arrays.setAll(maxBlocks, row -> IntegerTile.maxBlocks(set, row + 1));
    int[] maxBlocksAlone = new int[IntegerTile.MAX_ROWS];
    Arrays.fill(maxBlocksAlone, IntegerTile.MAX_BLOCKS_ALONE);
    return new TileKernels(
        InputForm.BYTES,
        maxBlocks,
        maxBlocksAlone,
        (rows, blocks, ending) -> new IntegerTile(set, form, rows, blocks, ending));
  }

  /**
   * Those of floats.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  static TileKernels of(InstructionSet set, FloatForm form) {
    int[] maxBlocks = new int[form.maxRows(set)];
    Arrays.setAll(maxBlocks, row -> form.maxBlocks(set, row + 1));
    int[] maxBlocksAlone = new int[maxBlocks.length];
    Arrays.setAll(maxBlocksAlone, row -> form.maxBlocksAlone(set, row + 1));
    return new TileKernels(
        form.inputs(set),
        maxBlocks,
        maxBlocksAlone,
        (rows, blocks, ending) -> form.tile(set, rows, blocks, ending));
  }

  InputForm inputs() {
    return inputs;
  }

  /** The most rows of a tile. */
  int maxRows() {
    return maxRows;
  }

  /**
   * The most blocks of a tile of so many rows, which no other shares its codes with, or some do.
   */
  int maxBlocks(int rows, boolean alone) {
    return (alone ? maxBlocksAlone : maxBlocks)[rows - 1];
  }

  /**
   * Whether a tile of so many rows that has its codes to itself fetches those of the next one.
   * Other tiles fetch what they need a little later, or leave it to the processor.
   */
  boolean fetchesNext(int rows) {
    return inputs != InputForm.BYTES && maxBlocks[rows - 1] <= FloatTile.MIN_BLOCKS;
  }

  /** The most blocks of any tile. */
  int maxBlocks() {
    return Arrays.stream(maxBlocks).max().orElseThrow();
  }

  /** The tile of so many rows and blocks; see {@link Tile} for how it is called. */
  MemorySegment routine(Ending ending, int rows, int blocks) {
    return table(ending)[rows - 1][Integer.numberOfTrailingZeros(blocks)];
  }
}

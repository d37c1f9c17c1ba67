package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What attention over keys and values of BF16 calls.
 *
 * @param tiles products
 * @param round makes inputs of queries
 * @param pairs makes codes of keys and values
 * @param weigh makes weights of scores
 * @param divide makes the output
 */
record AttentionCode(
    TileKernels tiles,
    MemorySegment round,
    MemorySegment pairs,
    MemorySegment weigh,
    MemorySegment divide) {

  /**
   * Generates it.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  static AttentionCode generate() {
    MachineCode code =
        MachineCode.of(
            List.of(
                InputForm.BFLOATS.routine(),
                AttentionRoutines.pairs(),
                AttentionRoutines.weigh(),
                AttentionRoutines.divide()));
    return new AttentionCode(
        TileKernels.of(InstructionSet.AVX512_BF16, FloatForm.BF16),
        code.routine(0),
        code.routine(1),
        code.routine(2),
        code.routine(3));
  }

  /**
   * Multiplies the rows of a tile with blocks.
   *
   * @param ending what becomes of the sums
   * @param rows how many rows there are
   * @param inputs where they are
   * @param groups how many groups of columns they have
   * @param codes where the first block is
   * @param blockBytes how far the next one is
   * @param blocks how many there are
   * @param output where the first row's sums go
   * @param outputStep how far the next row's are
   */
  void multiply(
      Ending ending,
      int rows,
      long inputs,
      int groups,
      long codes,
      long blockBytes,
      int blocks,
      long output,
      long outputStep) {
    int block = 0;
    for (int width = tiles.maxBlocks(rows, false); block < blocks; width /= 2) {
      MemorySegment tile = tiles.routine(ending, rows, width);
      for (; block + width <= blocks; block += width) {
        long from = codes + block * blockBytes;
        long to = output + (long) block * Width.ZMM.bytes();
        NativeCalls.tile(tile, from, inputs, to, outputStep, groups, blockBytes, from, 1);
      }
    }
  }
}

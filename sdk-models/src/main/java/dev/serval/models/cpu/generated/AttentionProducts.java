package dev.serval.models.cpu.generated;

import dev.serval.api.cache.KvLayout;
import dev.serval.models.cpu.AttentionSums;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The products of attention for one shape of the cache; see {@link AttentionTile}. */
final class AttentionProducts {
  private final int headDim;
  private final int runBytes;
  private final long sumsBytes;
  private final MachineCode code;

  /**
   * Generates them.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  AttentionProducts(KvLayout layout) {
    headDim = layout.headDim();
    runBytes = KvBlocks.runBytes(layout);
    sumsBytes = AttentionSums.bytes(headDim);
    List<List<Instruction>> routines = new ArrayList<>();
    for (int rows = 1; rows <= AttentionTile.MAX_ROWS; rows++) {
      routines.add(AttentionTile.scores(rows, headDim));
      routines.add(AttentionTile.values(rows, headDim, runBytes));
    }
    code = MachineCode.of(routines);
  }

  boolean fit(KvLayout layout) {
    return headDim == layout.headDim() && runBytes == KvBlocks.runBytes(layout);
  }

  /**
   * Multiplies queries with keys.
   *
   * @param rows how many queries there are
   * @param queries where they are
   * @param keys the list of blocks
   * @param groups pairs of blocks
   * @param scores where the first query's scores go
   * @param scoreStep how far the next one's are
   */
  void scores(int rows, long queries, long keys, int groups, long scores, long scoreStep) {
    MemorySegment routine = code.routine(2 * (rows - 1));
    NativeCalls.scores(routine, keys, queries, groups, scoreStep, scores);
  }

  /**
   * Multiplies weights with values.
   *
   * @param rows how many queries there are
   * @param weights where their weights are
   * @param values the list of blocks
   * @param groups pairs of blocks
   * @param sums where the first query's sums are
   */
  void outputs(int rows, long weights, long values, int groups, long sums) {
    MemorySegment routine = code.routine(2 * (rows - 1) + 1);
    int runs = AttentionTile.valueBlocks(rows, headDim);
    for (int run = 0; run < headDim / Width.ZMM.lanes(); run += runs) {
      long output = sums + AttentionSums.OUTPUT + (long) run * Width.ZMM.bytes();
      NativeCalls.outputs(
          routine, values, weights, groups, sumsBytes, output, (long) run * runBytes);
    }
  }
}

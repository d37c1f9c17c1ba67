package dev.serval.models.cpu.generated;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionSums;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The products of attention for one shape of heads; see {@link AttentionTile}. */
final class AttentionProducts {
  /** How far a query's scores are from the next one's, in bytes. */
  static final int SCORE_STEP = AttentionKernel.STRETCH * Float.BYTES;

  private final int keyDim;
  private final int valueDim;
  private final int runBytes;
  private final int sumsBytes;
  private final MachineCode code;

  /**
   * Generates them.
   *
   * @throws ExecutableMemoryException when the system refuses memory for code
   */
  AttentionProducts(int keyDim, int valueDim, int blockTokens) {
    this.keyDim = keyDim;
    this.valueDim = valueDim;
    runBytes = KvBlocks.runBytes(blockTokens);
    sumsBytes = Math.toIntExact(AttentionSums.bytes(valueDim));
    List<List<Instruction>> routines = new ArrayList<>();
    for (int rows = 1; rows <= AttentionTile.MAX_ROWS; rows++) {
      routines.add(AttentionTile.scores(rows, keyDim, SCORE_STEP, runBytes));
      routines.add(AttentionTile.values(rows, valueDim, sumsBytes, runBytes));
    }
    code = MachineCode.of(routines);
  }

  boolean fit(AttentionSpec spec, KvLayout layout) {
    return keyDim == spec.headDim()
        && valueDim == spec.valueDim()
        && runBytes == KvBlocks.runBytes(layout.blockTokens());
  }

  int keyDim() {
    return keyDim;
  }

  int valueDim() {
    return valueDim;
  }

  /** How far 16 dimensions of a head's values are from the next. */
  int runBytes() {
    return runBytes;
  }

  /**
   * Multiplies queries with keys.
   *
   * @param rows how many queries there are
   * @param queries where they are
   * @param keys the list of blocks
   * @param groups pairs of blocks
   * @param scores where the first query's scores go
   */
  void scores(int rows, long queries, long keys, int groups, long scores) {
    NativeCalls.scores(code.routine(2 * (rows - 1)), keys, queries, groups, scores);
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
    int runs = AttentionTile.valueBlocks(rows, valueDim);
    for (long run = 0; run < valueDim / Width.ZMM.lanes(); run += runs) {
      long output = sums + AttentionSums.OUTPUT + run * Width.ZMM.bytes();
      long asked = run * AttentionTile.RUN_BYTES;
      NativeCalls.outputs(routine, values, weights, groups, output, run * runBytes, asked);
    }
  }
}

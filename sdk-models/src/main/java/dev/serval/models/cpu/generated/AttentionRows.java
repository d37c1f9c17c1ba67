package dev.serval.models.cpu.generated;

import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What one worker needs to attend, and for each query what was added up so far. */
final class AttentionRows {
  private static final int ALIGNMENT = 64;
  private static final long INPUT_BYTES = InputForm.BFLOATS.bytes();
  private static final long SCORE_STEP = (long) PairTiles.STRETCH * Float.BYTES;

  final PairTiles tiles;
  private final AttentionCode code;
  private final int headDim;
  private final int capacity;
  private final int groups;
  private final long outputStep;
  private final MemorySegment queries;
  private final MemorySegment scores;
  private final MemorySegment weights;
  private final MemorySegment outputs;
  private final MemorySegment states;
  private final MemorySegment unseen;
  private int count;

  AttentionRows(NativeMemory owner, AttentionCode code, int headDim, int capacity) {
    this.code = code;
    this.headDim = headDim;
    this.capacity = capacity;
    tiles = new PairTiles(owner, code.pairs(), headDim);
    groups = headDim / ActivationGroup.COLUMNS;
    outputStep = (long) headDim * Float.BYTES;
    queries = owner.allocate(INPUT_BYTES * capacity * groups, ALIGNMENT);
    int together = code.tiles().maxRows();
    scores = owner.allocate(together * SCORE_STEP, ALIGNMENT);
    weights = owner.allocate(together * SCORE_STEP / 2, ALIGNMENT);
    outputs = owner.allocate(capacity * outputStep, ALIGNMENT);
    states = owner.allocate((long) capacity * AttentionRoutines.STATE_BYTES, ALIGNMENT);
    unseen = owner.allocate(SCORE_STEP, ALIGNMENT);
    for (int i = 0; i < PairTiles.STRETCH; i++) {
      unseen.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NEGATIVE_INFINITY);
    }
  }

  boolean fits(int dims, int rows) {
    return dims == headDim && rows <= capacity;
  }

  /** Begins with so many queries. */
  void begin(int queryCount, float scale) {
    count = queryCount;
    for (int i = 0; i < count * headDim; i++) {
      outputs.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0);
    }
    for (int row = 0; row < count; row++) {
      long at = (long) row * AttentionRoutines.STATE_BYTES;
      states.set(ValueLayout.JAVA_FLOAT, at + AttentionRoutines.SCALE, scale);
      states.set(ValueLayout.JAVA_FLOAT, at + AttentionRoutines.MAXIMUM, -Float.MAX_VALUE);
      states.set(ValueLayout.JAVA_FLOAT, at + AttentionRoutines.SUM, 0);
    }
  }

  /** Into how many tiles the queries are cut. */
  int tileCount() {
    return Inputs.tiles(count, code.tiles().maxRows());
  }

  /** The first query of a tile, or behind the last one of the tile before it. */
  int firstRow(int tile) {
    return Inputs.firstRow(tile, count, code.tiles().maxRows());
  }

  /** Takes over a tile's query. */
  void query(int tile, int row, CpuActivations rows, long at) {
    int first = firstRow(tile);
    long step = (firstRow(tile + 1) - first) * INPUT_BYTES;
    long to = input(first) + (row - first) * INPUT_BYTES;
    NativeCalls.input(code.round(), rows.data().address() + at * Float.BYTES, to, groups, step);
  }

  private long input(int firstRow) {
    return queries.address() + INPUT_BYTES * firstRow * groups;
  }

  /** Multiplies a tile's queries with the keys of the stretch. */
  void score(int tile, int positions) {
    int first = firstRow(tile);
    code.multiply(
        Ending.STORE,
        firstRow(tile + 1) - first,
        input(first),
        groups,
        tiles.keys(),
        tiles.keyBytes(),
        positions / Width.ZMM.lanes(),
        scores.address(),
        SCORE_STEP);
  }

  /** Turns a query's scores into weights; it sees positions {@code from} up to {@code to}. */
  void weigh(int tile, int row, int from, int to, int positions) {
    int first = firstRow(tile);
    long scoresAt = (row - first) * SCORE_STEP;
    hide(scoresAt, 0, from);
    hide(scoresAt, to, positions);
    NativeCalls.weigh(
        code.weigh(),
        scores.address() + scoresAt,
        weights.address() + (row - first) * INPUT_BYTES,
        positions / ActivationGroup.COLUMNS,
        (firstRow(tile + 1) - first) * INPUT_BYTES,
        states.address() + (long) row * AttentionRoutines.STATE_BYTES,
        outputs.address() + row * outputStep,
        headDim / Width.ZMM.lanes());
  }

  private void hide(long row, int from, int to) {
    long bytes = (long) (to - from) * Float.BYTES;
    MemorySegment.copy(unseen, 0, scores, row + (long) from * Float.BYTES, bytes);
  }

  /** Adds the values of the stretch to a tile's outputs, each by its weight. */
  void addValues(int tile, int positions) {
    int first = firstRow(tile);
    code.multiply(
        Ending.ADD,
        firstRow(tile + 1) - first,
        weights.address(),
        positions / ActivationGroup.COLUMNS,
        tiles.values(),
        tiles.valueBytes(),
        headDim / Width.ZMM.lanes(),
        outputs.address() + first * outputStep,
        outputStep);
  }

  /** Writes a query's output: what was added up, over the sum of its weights. */
  void store(int row, CpuActivations out, long at) {
    NativeCalls.divide(
        code.divide(),
        outputs.address() + row * outputStep,
        out.data().address() + at * Float.BYTES,
        headDim / Width.ZMM.lanes(),
        states.address() + (long) row * AttentionRoutines.STATE_BYTES + AttentionRoutines.SUM);
  }
}

package dev.serval.models.cpu.generated;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionSums;
import dev.serval.models.cpu.attention.SinkReader;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What one worker needs to attend, and for each query what was added up so far. */
final class AttentionRows implements SinkReader {
  private static final int ALIGNMENT = 64;
  private static final long INPUT_BYTES = InputForm.BFLOATS.bytes();
  private static final long SCORE_STEP = AttentionProducts.SCORE_STEP;

  final KvBlocks blocks;
  private final AttentionCode code;
  private final AttentionProducts products;
  private final int capacity;
  private final int groups;
  private final int vectors;
  private final long sumsBytes;
  private final MemorySegment constants;
  private final MemorySegment queries;
  private final MemorySegment scores;
  private final MemorySegment weights;
  private final MemorySegment totals;
  private final MemorySegment nothing;
  private final MemorySegment stretch;
  private final MemorySegment unseen;
  private int count;

  AttentionRows(NativeMemory owner, AttentionCode code, AttentionProducts products, int capacity) {
    this.code = code;
    this.products = products;
    this.capacity = capacity;
    blocks = new KvBlocks(owner, products);
    groups = products.keyDim() / ActivationGroup.COLUMNS;
    vectors = products.valueDim() / Width.ZMM.lanes();
    sumsBytes = AttentionSums.bytes(products.valueDim());
    constants = owner.allocate(AttentionRoutines.CONSTANTS_BYTES, ALIGNMENT);
    queries = owner.allocate(INPUT_BYTES * capacity * groups, ALIGNMENT);
    scores = owner.allocate(AttentionTile.MAX_ROWS * SCORE_STEP, ALIGNMENT);
    weights = owner.allocate(AttentionTile.MAX_ROWS * SCORE_STEP / 2, ALIGNMENT);
    totals = owner.allocate(capacity * sumsBytes, ALIGNMENT);
    nothing = owner.allocate(capacity * sumsBytes, ALIGNMENT).fill((byte) 0);
    for (int row = 0; row < capacity; row++) {
      long maximum = row * sumsBytes + AttentionSums.MAXIMUM;
      nothing.set(ValueLayout.JAVA_FLOAT, maximum, -Float.MAX_VALUE);
    }
    stretch = owner.allocate(AttentionTile.MAX_ROWS * sumsBytes, ALIGNMENT);
    unseen = owner.allocate(SCORE_STEP, ALIGNMENT);
    for (int i = 0; i < AttentionKernel.STRETCH; i++) {
      unseen.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NEGATIVE_INFINITY);
    }
  }

  boolean fits(AttentionSpec spec, KvLayout layout, int rows) {
    return products.fit(spec, layout) && rows <= capacity;
  }

  /** Begins with so many queries. */
  void begin(int queryCount, float scale) {
    count = queryCount;
    constants.set(ValueLayout.JAVA_FLOAT, AttentionRoutines.SCALE, scale);
  }

  /** Nothing has been added up of any query. */
  void clear() {
    MemorySegment.copy(nothing, 0, totals, 0, count * sumsBytes);
  }

  @Override
  public void sink(int row, float score) {
    long sums = row * sumsBytes;
    float maximum = Math.max(score, -Float.MAX_VALUE);
    totals.set(ValueLayout.JAVA_FLOAT, sums + AttentionSums.MAXIMUM, maximum);
    totals.set(ValueLayout.JAVA_FLOAT, sums + AttentionSums.SUM, AttentionSums.ofSink(score));
  }

  /** Into how many tiles the queries are cut. */
  int tileCount() {
    return Inputs.tiles(count, AttentionTile.MAX_ROWS);
  }

  /** The first query of a tile, or behind the last one of the tile before it. */
  int firstRow(int tile) {
    return Inputs.firstRow(tile, count, AttentionTile.MAX_ROWS);
  }

  private int rows(int tile) {
    return firstRow(tile + 1) - firstRow(tile);
  }

  /** Whether tiles ask for what comes next. */
  boolean asks() {
    return AttentionTile.asks(rows(0));
  }

  /** Takes over a tile's query. */
  void query(int tile, int row, CpuActivations rows, long at) {
    int first = firstRow(tile);
    long to = input(first) + (row - first) * INPUT_BYTES;
    long from = rows.data().address() + at * Float.BYTES;
    NativeCalls.input(code.round(), from, to, groups, rows(tile) * INPUT_BYTES);
  }

  private long input(int firstRow) {
    return queries.address() + INPUT_BYTES * firstRow * groups;
  }

  /** Multiplies a tile's queries with the keys of the stretch. */
  void score(int tile, int positions) {
    products.scores(
        rows(tile),
        input(firstRow(tile)),
        blocks.keys(),
        positions / ActivationGroup.COLUMNS,
        scores.address());
  }

  /**
   * Turns a query's scores into weights.
   *
   * @param tile its tile
   * @param row which query
   * @param from the first position it sees
   * @param to behind the last
   * @param positions how many the stretch has
   * @param sums where the sums of the tile's first query go
   */
  void weigh(int tile, int row, int from, int to, int positions, long sums) {
    int within = row - firstRow(tile);
    hide(within * SCORE_STEP, 0, from);
    hide(within * SCORE_STEP, to, positions);
    NativeCalls.weigh(
        code.weigh(),
        scores.address() + within * SCORE_STEP,
        weights.address() + within * INPUT_BYTES,
        positions / ActivationGroup.COLUMNS,
        rows(tile) * INPUT_BYTES,
        constants.address(),
        sums + within * sumsBytes);
  }

  private void hide(long row, int from, int to) {
    long bytes = (long) (to - from) * Float.BYTES;
    MemorySegment.copy(unseen, 0, scores, row + (long) from * Float.BYTES, bytes);
  }

  /** Adds up a tile's values of the stretch, each by its weight. */
  void addUp(int tile, int positions, long sums) {
    int pairs = positions / ActivationGroup.COLUMNS;
    products.outputs(rows(tile), weights.address(), blocks.values(), pairs, sums);
  }

  /** Where a tile's sums of a stretch are that are added to others at once. */
  long stretch() {
    return stretch.address();
  }

  /** Adds a tile's sums of a stretch to those of the stretches before it. */
  void merge(int tile) {
    NativeCalls.merge(
        code.merge(),
        totals.address() + firstRow(tile) * sumsBytes,
        stretch.address(),
        rows(tile),
        sumsBytes,
        sumsBytes,
        vectors);
  }

  /** Adds a query's sums of several stretches up, which are so many bytes apart. */
  void merge(int row, long sums, int stretches, long apart) {
    NativeCalls.merge(
        code.merge(), totals.address() + row * sumsBytes, sums, stretches, 0, apart, vectors);
  }

  /** Writes a query's output: what was added up, over the sum of its weights. */
  void store(int row, CpuActivations out, long at) {
    long sums = totals.address() + row * sumsBytes;
    NativeCalls.divide(
        code.divide(),
        sums + AttentionSums.OUTPUT,
        out.data().address() + at * Float.BYTES,
        vectors,
        sums + AttentionSums.SUM);
  }
}

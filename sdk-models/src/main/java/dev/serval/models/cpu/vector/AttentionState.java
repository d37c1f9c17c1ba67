package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionSums;
import dev.serval.models.cpu.attention.SinkReader;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** What one worker needs to attend, and for each query head what was added up so far. */
final class AttentionState implements SinkReader {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int L = Lanes.COUNT;

  /** How many sums of weights a query has: as many lanes as the widest vector. */
  private static final int PARTIAL_SUMS = 16;

  private static final int SPARE = (TileProducts.MOST_PANELS - 1) * Lanes.WIDTH;
  private static final int SCORE_STEP = AttentionKernel.STRETCH + SPARE;

  final KvTiles tiles;
  private final int keyDim;
  private final int valueDim;
  private final int capacity;
  private final int queryStep;
  private final int outputStep;
  private final float[] queries;
  private final float[] scores;
  private final float[] outputs;
  private final float[] maxima;
  private final float[] sums;
  private final float[] stretchOutputs;
  private final float[] stretchMaxima;
  private final float[] stretchSums;
  private final float[] partial = new float[PARTIAL_SUMS];
  private int count;

  /** What scores are multiplied by, once they are in the range of a softcap if there is one. */
  private float scale;

  /** What they are multiplied by before they come into that range; 0 for no softcap. */
  private float squeeze;

  AttentionState(int keyDim, int valueDim, int heads) {
    this.keyDim = keyDim;
    this.valueDim = valueDim;
    capacity = heads;
    tiles = new KvTiles(keyDim, valueDim);
    queryStep = keyDim + PARTIAL_SUMS;
    outputStep = tiles.valuePanels() * Lanes.WIDTH + SPARE;
    int rows = heads + TileProducts.SPARE_ROWS;
    queries = new float[rows * queryStep];
    scores = new float[rows * SCORE_STEP];
    outputs = new float[rows * outputStep];
    maxima = new float[heads];
    sums = new float[heads];
    stretchOutputs = new float[outputs.length];
    stretchMaxima = new float[heads];
    stretchSums = new float[heads];
  }

  boolean fits(AttentionSpec spec, int heads) {
    return spec.headDim() == keyDim && spec.valueDim() == valueDim && heads <= capacity;
  }

  void begin(int heads, AttentionSpec spec) {
    count = heads;
    scale = spec.softcapped() ? spec.softcap() : spec.scale();
    squeeze = spec.softcapped() ? spec.scale() / spec.softcap() : 0;
    Arrays.fill(maxima, 0, heads, Float.NEGATIVE_INFINITY);
    Arrays.fill(sums, 0, heads, 0);
    Arrays.fill(outputs, 0, heads * outputStep, 0);
  }

  @Override
  public void sink(int head, float score) {
    maxima[head] = score;
    sums[head] = AttentionSums.ofSink(score);
  }

  /** Takes over a query head. */
  void query(int head, CpuActivations rows, long at) {
    MemorySegment.copy(
        rows.data(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, queries, head * queryStep, keyDim);
  }

  /** Multiplies all query heads with the keys of the stretch. */
  void score(int positions) {
    for (int head = 0; head < count; head++) {
      Arrays.fill(scores, head * SCORE_STEP, head * SCORE_STEP + positions, 0);
    }
    TileProducts.add(
        tiles.keys,
        0,
        queries,
        queryStep,
        keyDim,
        scores,
        0,
        SCORE_STEP,
        count,
        positions / Lanes.WIDTH);
  }

  /** Turns a query head's scores into weights; it sees positions {@code from} up to {@code to}. */
  void weigh(int head, int from, int to, int positions) {
    int row = head * SCORE_STEP;
    if (squeeze != 0) {
      VectorExponential.tanh(scores, row, positions, squeeze);
    }
    Arrays.fill(scores, row, row + from, Float.NEGATIVE_INFINITY);
    Arrays.fill(scores, row + to, row + positions, Float.NEGATIVE_INFINITY);
    float max = scale * maximum(scores, row, positions);
    stretchMaxima[head] = max;
    if (max == Float.NEGATIVE_INFINITY) {
      Arrays.fill(scores, row, row + positions, 0);
      stretchSums[head] = 0;
      return;
    }
    VectorExponential.apply(scores, row, positions, scale, max);
    addUp(scores, row, positions, partial);
    stretchSums[head] = total(partial);
  }

  /** The largest, or NaN if one is none. */
  private static float maximum(float[] scores, int row, int positions) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < positions; i += L) {
      max = max.max(FloatVector.fromArray(F, scores, row + i));
    }
    return FLOAT_VECTOR.cast(max).reduceLanes(VectorOperators.MAX);
  }

  /** Position p belongs to partial sum p mod 16, for any number of lanes. */
  private static void addUp(float[] scores, int row, int positions, float[] partial) {
    Arrays.fill(partial, 0);
    for (int i = 0; i < positions; i += PARTIAL_SUMS) {
      for (int v = 0; v < PARTIAL_SUMS; v += L) {
        FloatVector.fromArray(F, partial, v)
            .add(FloatVector.fromArray(F, scores, row + i + v))
            .intoArray(partial, v);
      }
    }
  }

  private static float total(float[] partial) {
    for (int half = PARTIAL_SUMS / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        partial[i] += partial[i + half];
      }
    }
    return partial[0];
  }

  /** Adds up the values of the stretch, each by its weight. */
  void addValues(int positions) {
    Arrays.fill(stretchOutputs, 0, count * outputStep, 0);
    TileProducts.add(
        tiles.values,
        0,
        scores,
        SCORE_STEP,
        positions,
        stretchOutputs,
        0,
        outputStep,
        count,
        tiles.valuePanels());
  }

  /** Adds what the stretch came to to what those before it came to. */
  void merge() {
    for (int head = 0; head < count; head++) {
      float max = Math.max(maxima[head], stretchMaxima[head]);
      if (max != Float.NEGATIVE_INFINITY) {
        float before = Exponential.of(maxima[head] - max);
        float added = Exponential.of(stretchMaxima[head] - max);
        maxima[head] = max;
        sums[head] = sums[head] * before + stretchSums[head] * added;
        merge(head * outputStep, before, added);
      }
    }
  }

  private void merge(int row, float before, float added) {
    FloatVector factor = FloatVector.broadcast(F, added);
    for (int i = row; i < row + outputStep - SPARE; i += L) {
      FloatVector old = FloatVector.fromArray(F, outputs, i).mul(before);
      FloatVector.fromArray(F, stretchOutputs, i).fma(factor, old).intoArray(outputs, i);
    }
  }

  /** Keeps what the stretch came to, to be merged later; says where the next one's place is. */
  long keep(MemorySegment memory, long from) {
    long at = from;
    for (int head = 0; head < count; head++) {
      memory.set(ValueLayout.JAVA_FLOAT, at + AttentionSums.MAXIMUM, stretchMaxima[head]);
      memory.set(ValueLayout.JAVA_FLOAT, at + AttentionSums.SUM, stretchSums[head]);
      long output = at + AttentionSums.OUTPUT;
      MemorySegment.copy(
          stretchOutputs, head * outputStep, memory, ValueLayout.JAVA_FLOAT, output, valueDim);
      at += AttentionSums.bytes(valueDim);
    }
    return at;
  }

  /** Takes up what was kept of a stretch; says where the next one's place is. */
  long recall(MemorySegment memory, long from) {
    long at = from;
    for (int head = 0; head < count; head++) {
      stretchMaxima[head] = memory.get(ValueLayout.JAVA_FLOAT, at + AttentionSums.MAXIMUM);
      stretchSums[head] = memory.get(ValueLayout.JAVA_FLOAT, at + AttentionSums.SUM);
      long output = at + AttentionSums.OUTPUT;
      MemorySegment.copy(
          memory, ValueLayout.JAVA_FLOAT, output, stretchOutputs, head * outputStep, valueDim);
      at += AttentionSums.bytes(valueDim);
    }
    return at;
  }

  /** Writes a query head's output: what was added up, over the sum of its weights. */
  void store(int head, CpuActivations out, long at) {
    int row = head * outputStep;
    divide(outputs, row, valueDim, sums[head]);
    out.set(at, outputs, row, valueDim);
  }

  private static void divide(float[] row, int from, int count, float by) {
    for (int i = from; i < from + count; i++) {
      row[i] /= by;
    }
  }
}

package dev.serval.models.cpu.plain;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.AttentionSums;
import dev.serval.models.cpu.attention.SinkReader;
import dev.serval.models.cpu.attention.SlotReader;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.KvElements;
import java.util.Arrays;

/**
 * What one worker needs to attend: a stretch of keys and values as F32, and for each query head
 * what was added up so far.
 */
final class AttentionScratch implements SlotReader, SinkReader {
  private static final int STRETCH = AttentionKernel.STRETCH;
  private static final int GROUP = 4;

  private final int headCapacity;
  private final float[][] keys;
  private final float[][] values;
  private final float[] scores = new float[STRETCH];
  private final float[][] outputs;
  private final float[] maxima;
  private final double[] sums;
  private final float[] noKeys = new float[STRETCH];
  private final float[] noValues;
  private int keyDim;
  private int valueDim;
  private float scale;
  private float softcap;

  AttentionScratch(int keyDim, int valueDim, int heads) {
    this.keyDim = keyDim;
    this.valueDim = valueDim;
    headCapacity = heads;
    keys = new float[keyDim][STRETCH];
    values = new float[STRETCH][valueDim];
    outputs = new float[heads][valueDim];
    maxima = new float[heads];
    sums = new double[heads];
    noValues = new float[valueDim];
  }

  boolean fits(AttentionSpec spec, int heads) {
    return spec.headDim() <= keys.length
        && spec.valueDim() <= noValues.length
        && heads <= headCapacity;
  }

  void begin(int heads, AttentionSpec spec) {
    keyDim = spec.headDim();
    valueDim = spec.valueDim();
    scale = spec.scale();
    softcap = spec.softcap();
    Arrays.fill(maxima, 0, heads, Float.NEGATIVE_INFINITY);
    Arrays.fill(sums, 0, heads, 0);
    for (int head = 0; head < heads; head++) {
      Arrays.fill(outputs[head], 0, valueDim, 0);
    }
  }

  @Override
  public void sink(int head, float score) {
    maxima[head] = score;
    sums[head] = AttentionSums.ofSink(score);
  }

  @Override
  public void read(
      KvElements elements, long keyHead, long valueHead, int slot, int count, int position) {
    for (int dim = 0; dim < keyDim; dim++) {
      elements.readKeys(keyHead, dim, slot, count, keys[dim], position);
    }
    for (int i = 0; i < count; i++) {
      elements.readValue(valueHead, slot + i, values[position + i]);
    }
  }

  /** Lets a query head see the positions of the stretch from {@code from} up to {@code to}. */
  void attend(int head, CpuActivations queries, long query, int from, int to) {
    score(queries, query, from, to);
    float max = maxima[head];
    for (int i = from; i < to; i++) {
      max = Math.max(max, scores[i]);
    }
    if (max == Float.NEGATIVE_INFINITY) {
      return;
    }
    if (max != maxima[head]) {
      scaleDown(head, Exponential.of(maxima[head] - max));
      maxima[head] = max;
    }
    double sum = sums[head];
    for (int i = from; i < to; i++) {
      scores[i] = Exponential.of(scores[i] - max);
      sum += scores[i];
    }
    sums[head] = sum;
    for (int i = from - from % GROUP; i < to; i += GROUP) {
      addValues(outputs[head], i, from, to);
    }
  }

  private void score(CpuActivations queries, long query, int from, int to) {
    Arrays.fill(scores, from, to, 0);
    for (int dim = 0; dim < keyDim; dim += GROUP) {
      addKeys(queries, query, dim, from, to);
    }
    for (int i = from; i < to; i++) {
      scores[i] *= scale;
    }
    if (softcap != AttentionSpec.NO_SOFTCAP) {
      for (int i = from; i < to; i++) {
        scores[i] = softcap * Exponential.tanh(scores[i] / softcap);
      }
    }
  }

  private void scaleDown(int head, float factor) {
    sums[head] *= factor;
    float[] output = outputs[head];
    for (int dim = 0; dim < valueDim; dim++) {
      output[dim] *= factor;
    }
  }

  private void addKeys(CpuActivations queries, long query, int dim, int from, int to) {
    addGroup(
        scores,
        key(dim),
        key(dim + 1),
        key(dim + 2),
        key(dim + 3),
        element(queries, query, dim),
        element(queries, query, dim + 1),
        element(queries, query, dim + 2),
        element(queries, query, dim + 3),
        from,
        to);
  }

  private float[] key(int dim) {
    return dim < keyDim ? keys[dim] : noKeys;
  }

  private float element(CpuActivations queries, long query, int dim) {
    return dim < keyDim ? queries.at(query + dim) : 0;
  }

  private void addValues(float[] output, int lane, int from, int to) {
    addGroup(
        output,
        value(lane, from, to),
        value(lane + 1, from, to),
        value(lane + 2, from, to),
        value(lane + 3, from, to),
        weight(lane, from, to),
        weight(lane + 1, from, to),
        weight(lane + 2, from, to),
        weight(lane + 3, from, to),
        0,
        valueDim);
  }

  private float[] value(int lane, int from, int to) {
    return lane >= from && lane < to ? values[lane] : noValues;
  }

  private float weight(int lane, int from, int to) {
    return lane >= from && lane < to ? scores[lane] : 0;
  }

  private static void addGroup(
      float[] sums,
      float[] r0,
      float[] r1,
      float[] r2,
      float[] r3,
      float x0,
      float x1,
      float x2,
      float x3,
      int from,
      int to) {
    for (int i = from; i < to; i++) {
      sums[i] += (x0 * r0[i] + x1 * r1[i]) + (x2 * r2[i] + x3 * r3[i]);
    }
  }

  /** Writes a query head's output: what was added up, over the sum of its weights. */
  void store(int head, CpuActivations out, long at) {
    for (int dim = 0; dim < valueDim; dim++) {
      out.set(at + dim, (float) (outputs[head][dim] / sums[head]));
    }
  }
}

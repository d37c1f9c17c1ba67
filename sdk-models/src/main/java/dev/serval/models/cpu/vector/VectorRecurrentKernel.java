package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;

import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.recurrent.ConvolutionWork;
import dev.serval.models.cpu.recurrent.RecallWork;
import dev.serval.models.cpu.recurrent.RecurrentKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Layers that carry a state along by the Vector API. A stretch of rows goes through two vectors'
 * worth of a matrix's columns after the other, which stay in the first-level cache meanwhile;
 * columns that fill no two vectors are left to another kernel.
 */
final class VectorRecurrentKernel implements RecurrentKernel {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int L = Lanes.COUNT;
  private static final int TILE = 2 * L;
  private static final int STRETCH = 32;

  private final RecurrentKernel others;
  private final float[][] sums;
  private final float[][] powers;
  private final float[][] keys;
  private final float[][] queries;

  VectorRecurrentKernel(RecurrentKernel others, int workers) {
    this.others = others;
    sums = new float[workers][0];
    powers = new float[workers][0];
    keys = new float[workers][0];
    queries = new float[workers][0];
  }

  @Override
  public void convolve(
      ConvolutionWork work, float[] history, int row, int channel, int count, int worker) {
    int room = Math.ceilDiv(count, L) * L;
    if (sums[worker].length < room) {
      sums[worker] = new float[room];
      powers[worker] = new float[room];
    }
    float[] own = sums[worker];
    long from = work.input(row, channel) * Float.BYTES;
    add(work, history, count, work.in().data(), from, (long) channel * Float.BYTES, own);
    if (work.activates()) {
      System.arraycopy(own, 0, powers[worker], 0, room);
      VectorExponential.apply(powers[worker], 0, room, -1, 0);
      activate(own, powers[worker], room);
    }
    work.out().set(work.out().row(row) + channel, own, 0, count);
  }

  private static void add(
      ConvolutionWork work,
      float[] history,
      int count,
      MemorySegment in,
      long from,
      long weightAt,
      float[] sums) {
    MemorySegment weights = work.weights();
    long apart = (long) work.channels() * Float.BYTES;
    int older = work.taps() - 1;
    int whole = F.loopBound(count);
    for (int i = 0; i < whole; i += L) {
      long at = (long) i * Float.BYTES;
      long newest = weightAt + older * apart + at;
      FloatVector sum =
          FloatVector.fromMemorySegment(F, in, from + at, Lanes.ORDER)
              .mul(FloatVector.fromMemorySegment(F, weights, newest, Lanes.ORDER));
      for (int tap = 0; tap < older; tap++) {
        long weight = weightAt + tap * apart + at;
        sum =
            FloatVector.fromArray(F, history, tap * count + i)
                .fma(
                    FloatVector.fromMemorySegment(F, weights, weight, Lanes.ORDER),
                    FLOAT_VECTOR.cast(sum));
      }
      FLOAT_VECTOR.cast(sum).intoArray(sums, i);
    }
    for (int i = whole; i < count; i++) {
      long at = (long) i * Float.BYTES;
      float sum =
          in.get(ValueLayout.JAVA_FLOAT, from + at)
              * weights.get(ValueLayout.JAVA_FLOAT, weightAt + older * apart + at);
      for (int tap = 0; tap < older; tap++) {
        sum +=
            history[tap * count + i]
                * weights.get(ValueLayout.JAVA_FLOAT, weightAt + tap * apart + at);
      }
      sums[i] = sum;
    }
    MemorySegment bias = work.bias();
    for (int i = 0; i < count && bias != null; i++) {
      sums[i] += bias.get(ValueLayout.JAVA_FLOAT, weightAt + (long) i * Float.BYTES);
    }
  }

  private static void activate(float[] sums, float[] powers, int count) {
    for (int i = 0; i < count; i += L) {
      FloatVector.fromArray(F, sums, i)
          .div(FloatVector.fromArray(F, powers, i).add(1))
          .intoArray(sums, i);
    }
  }

  @Override
  public void recall(
      RecallWork work, int head, int row, int rows, long matrix, int column, int worker) {
    int dims = work.keyDim();
    int whole = work.valueDim() / TILE * TILE;
    if (keys[worker].length < STRETCH * dims) {
      keys[worker] = new float[STRETCH * dims];
      queries[worker] = new float[STRETCH * dims];
    }
    for (int done = 0; done < rows && whole > 0; done += STRETCH) {
      int some = Math.min(STRETCH, rows - done);
      for (int r = 0; r < some; r++) {
        fetch(work.between(), work.key(row + done + r, head), keys[worker], r * dims, dims);
        fetch(work.between(), work.query(row + done + r, head), queries[worker], r * dims, dims);
      }
      for (int j = 0; j < whole; j += TILE) {
        recall(work, head, row + done, some, done, matrix, j, worker);
      }
    }
    if (whole < work.valueDim()) {
      others.recall(work, head, row, rows, matrix, whole, worker);
    }
  }

  private static void fetch(CpuActivations from, long at, float[] to, int index, int count) {
    MemorySegment.copy(from.data(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, to, index, count);
  }

  private void recall(
      RecallWork work, int head, int row, int rows, int turn, long matrix, int column, int worker) {
    recall(
        work.matrices(),
        matrix + (long) column * Float.BYTES,
        (long) work.valueDim() * Float.BYTES,
        work.keyDim(),
        work.corrects(),
        keys[worker],
        queries[worker],
        work.kept(worker),
        work.strengths(worker),
        turn,
        rows,
        work.between().data(),
        (work.value(row, head) + column) * Float.BYTES,
        (long) work.between().columns() * Float.BYTES,
        work.out().data(),
        (work.result(row, head) + column) * Float.BYTES,
        (long) work.out().columns() * Float.BYTES);
  }

  /** One method, which calls nothing of its own: see {@link TileProducts}. */
  private static void recall(
      MemorySegment states,
      long matrix,
      long apart,
      int dims,
      boolean corrects,
      float[] keys,
      float[] queries,
      float[] kept,
      float[] strengths,
      int turn,
      int rows,
      MemorySegment values,
      long valueAt,
      long valueStep,
      MemorySegment out,
      long outAt,
      long outStep) {
    long second = (long) L * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      int first = r * dims;
      FloatVector known0 = FloatVector.zero(F);
      FloatVector known1 = FloatVector.zero(F);
      FloatVector known2 = FloatVector.zero(F);
      FloatVector known3 = FloatVector.zero(F);
      long at = matrix;
      int known = corrects ? dims : 0;
      int i = 0;
      for (; i + 1 < known; i += 2) {
        FloatVector key0 = FloatVector.broadcast(F, keys[first + i]);
        FloatVector key1 = FloatVector.broadcast(F, keys[first + i + 1]);
        known0 = FloatVector.fromMemorySegment(F, states, at, Lanes.ORDER).fma(key0, known0);
        known1 =
            FloatVector.fromMemorySegment(F, states, at + second, Lanes.ORDER).fma(key0, known1);
        known2 =
            FloatVector.fromMemorySegment(F, states, at + apart, Lanes.ORDER).fma(key1, known2);
        known3 =
            FloatVector.fromMemorySegment(F, states, at + apart + second, Lanes.ORDER)
                .fma(key1, known3);
        at += 2 * apart;
      }
      if (i < known) {
        FloatVector key0 = FloatVector.broadcast(F, keys[first + i]);
        known0 = FloatVector.fromMemorySegment(F, states, at, Lanes.ORDER).fma(key0, known0);
        known1 =
            FloatVector.fromMemorySegment(F, states, at + second, Lanes.ORDER).fma(key0, known1);
      }
      FloatVector share = FloatVector.broadcast(F, kept[turn + r]);
      FloatVector strength = FloatVector.broadcast(F, strengths[turn + r]);
      FloatVector learnt0 =
          FloatVector.fromMemorySegment(F, values, valueAt, Lanes.ORDER)
              .sub(FLOAT_VECTOR.cast(known0).add(FLOAT_VECTOR.cast(known2)).mul(share))
              .mul(strength);
      FloatVector learnt1 =
          FloatVector.fromMemorySegment(F, values, valueAt + second, Lanes.ORDER)
              .sub(FLOAT_VECTOR.cast(known1).add(FLOAT_VECTOR.cast(known3)).mul(share))
              .mul(strength);
      FloatVector sum0 = FloatVector.zero(F);
      FloatVector sum1 = FloatVector.zero(F);
      at = matrix;
      for (i = 0; i < dims; i++) {
        FloatVector key = FloatVector.broadcast(F, keys[first + i]);
        FloatVector query = FloatVector.broadcast(F, queries[first + i]);
        FloatVector after0 =
            FloatVector.fromMemorySegment(F, states, at, Lanes.ORDER).fma(share, key.mul(learnt0));
        FloatVector after1 =
            FloatVector.fromMemorySegment(F, states, at + second, Lanes.ORDER)
                .fma(share, key.mul(learnt1));
        after0.intoMemorySegment(states, at, Lanes.ORDER);
        after1.intoMemorySegment(states, at + second, Lanes.ORDER);
        sum0 = after0.fma(query, sum0);
        sum1 = after1.fma(query, sum1);
        at += apart;
      }
      FLOAT_VECTOR.cast(sum0).intoMemorySegment(out, outAt, Lanes.ORDER);
      FLOAT_VECTOR.cast(sum1).intoMemorySegment(out, outAt + second, Lanes.ORDER);
      valueAt += valueStep;
      outAt += outStep;
    }
  }
}

package dev.serval.models.cpu.vector;

import static dev.serval.models.cpu.vector.Lanes.FLOAT_VECTOR;
import static dev.serval.models.cpu.vector.Lanes.INT_VECTOR;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.attention.SlotReader;
import dev.serval.models.cpu.memory.KvElements;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * A stretch of keys and values as F32, in panels for {@link TileProducts}: keys as {@code
 * [positions / width][dimension][position]}, values as {@code [dimensions /
 * width][position][dimension]}.
 */
final class KvTiles implements SlotReader {
  private static final int L = Lanes.COUNT;
  private static final int W = Lanes.WIDTH;

  /** Of two elements of BF16 in 32 bits, the second. */
  private static final int UPPER = 0xFFFF0000;

  final float[] keys;
  final float[] values;
  private final float[] run;
  private final int keyDim;
  private final int valueDim;
  private final int valuePanels;
  private int positions;

  KvTiles(int keyDim, int valueDim) {
    this.keyDim = keyDim;
    this.valueDim = valueDim;
    valuePanels = Math.ceilDiv(valueDim, W);
    run = new float[Math.max(valueDim, W)];
    int spare = TileProducts.MOST_PANELS - 1;
    keys = new float[(AttentionKernel.STRETCH / W + spare) * keyDim * W];
    values = new float[(valuePanels + spare) * AttentionKernel.STRETCH * W];
  }

  /** Panels that a head's dimensions fill. */
  int valuePanels() {
    return valuePanels;
  }

  /**
   * Begins a stretch. Positions that are not read count as 0, whatever lies in the cache.
   *
   * @param from the first position that will be read
   * @param to behind the last
   * @return the positions of the stretch, whole panels
   */
  int begin(int from, int to) {
    positions = Math.ceilDiv(to, W) * W;
    for (int panel = 0; panel < valuePanels; panel++) {
      int at = panel * positions * W;
      Arrays.fill(values, at, at + from * W, 0);
      Arrays.fill(values, at + to * W, at + positions * W, 0);
    }
    return positions;
  }

  @Override
  public void read(
      KvElements elements, long keyHead, long valueHead, int slot, int count, int position) {
    DType dtype = elements.dtype();
    MemorySegment data = elements.data();
    boolean whole = dtype != DType.BF16 || elements.paired();
    int i = 0;
    while (i < count) {
      int to = position + i;
      if (whole && to % L == 0 && slot + i + L <= elements.slots()) {
        int at = (to / W * keyDim) * W + to % W;
        readKeys(dtype, data, elements, keyHead, slot + i, at);
        i += L;
      } else {
        int part = Math.min(L - to % L, count - i);
        readPart(elements, keyHead, slot + i, part, to);
        i += part;
      }
    }
    if (dtype == DType.BF16) {
      readPairs(data, elements, valueHead, slot, count, position);
    } else {
      readValues(dtype, data, elements, valueHead, slot, count, position);
    }
  }

  /** A vector's keys, whose slots are neighbours; those behind the last are never seen. */
  private void readKeys(
      DType dtype, MemorySegment data, KvElements elements, long head, int slot, int to) {
    long from = head + elements.keyAt(0, slot);
    long apart = elements.keyAt(1, slot) - from + head;
    switch (dtype) {
      case F32 -> floats(data, from, apart, L, keys, to, keyDim);
      case BF16 -> brains(data, from, head + elements.keyAt(2, slot) - from, keys, to, keyDim / 2);
      case F16 -> Binary16.widen(data, from, apart, L, keys, to, W, keyDim);
      default -> {
        for (int dim = 0; dim < keyDim; dim += KvElements.GROUP) {
          Binary16.widen(data, head + elements.keyScaleAt(dim, slot), 0, L, run, 0, W, 1);
          octets(data, head + elements.keyAt(dim, slot), apart, run, keys, to + dim * W);
        }
      }
    }
  }

  /** Keys that fill no vector. */
  private void readPart(KvElements elements, long head, int slot, int count, int position) {
    for (int dim = 0; dim < keyDim; dim++) {
      elements.readKeys(head, dim, slot, count, run, 0);
      for (int i = 0; i < count; i++) {
        keys[((position + i) / W * keyDim + dim) * W + (position + i) % W] = run[i];
      }
    }
  }

  private void readValues(
      DType dtype,
      MemorySegment data,
      KvElements elements,
      long head,
      int slot,
      int count,
      int position) {
    int whole = dtype == DType.Q8_0 && KvElements.GROUP % W > 0 ? 0 : valueDim / W;
    long apart = elements.valueAt(1, 0) - elements.valueAt(0, 0);
    for (int panel = 0; panel < whole; panel++) {
      long from = head + elements.valueAt(slot, panel * W);
      int to = (panel * positions + position) * W;
      switch (dtype) {
        case F32 -> floats(data, from, apart, W, values, to, count);
        case F16 -> Binary16.widen(data, from, apart, W, values, to, W, count);
        default -> {
          long scales = head + elements.valueScaleAt(slot, panel * W);
          octetRows(data, from, scales, apart, values, to, count);
        }
      }
    }
    for (int i = 0; i < count && whole * W < valueDim; i++) {
      readRest(elements, head, slot + i, position + i, whole);
    }
  }

  /** Values of BF16: pairs of slots at a time, and alone what is no pair. */
  private void readPairs(
      MemorySegment data, KvElements elements, long head, int slot, int count, int position) {
    int first = elements.paired() ? Math.min(slot % 2, count) : count;
    int pairs = (count - first) / 2;
    int whole = pairs == 0 ? 0 : valueDim / W;
    long apart = elements.valueAt(2, 0) - elements.valueAt(0, 0);
    for (int dim = 0; dim < whole * W; dim += L) {
      long from = head + elements.valueAt(slot + first, dim);
      int to = (dim / W * positions + position + first) * W + dim % W;
      brains(data, from, apart, values, to, pairs);
    }
    for (int i = 0; i < count; i++) {
      boolean paired = i >= first && i < first + 2 * pairs;
      if (!paired || whole * W < valueDim) {
        readRest(elements, head, slot + i, position + i, paired ? whole : 0);
      }
    }
  }

  private void readRest(KvElements elements, long head, int slot, int position, int firstPanel) {
    elements.readValue(head, slot, run);
    for (int panel = firstPanel; panel < valuePanels; panel++) {
      int to = (panel * positions + position) * W;
      int count = Math.min(W, valueDim - panel * W);
      System.arraycopy(run, panel * W, values, to, count);
      Arrays.fill(values, to + count, to + W, 0);
    }
  }

  private static void floats(
      MemorySegment data, long from, long apart, int width, float[] to, int at, int rows) {
    for (int row = 0; row < rows; row++) {
      for (int v = 0; v < width; v += L) {
        long source = from + row * apart + (long) v * Float.BYTES;
        FloatVector.fromMemorySegment(Lanes.FLOATS, data, source, Lanes.ORDER)
            .intoArray(to, at + row * W + v);
      }
    }
  }

  /** Pairs of rows, as they lie together in BF16. */
  private static void brains(
      MemorySegment data, long from, long apart, float[] to, int at, int pairs) {
    for (int pair = 0; pair < pairs; pair++) {
      IntVector both =
          INT_VECTOR.cast(
              IntVector.fromMemorySegment(Lanes.INTS, data, from + pair * apart, Lanes.ORDER));
      int row = at + 2 * pair * W;
      both.lanewise(LSHL, Short.SIZE).reinterpretAsFloats().intoArray(to, row);
      both.and(UPPER).reinterpretAsFloats().intoArray(to, row + W);
    }
  }

  /** A group of dimensions, each position by its scale. */
  private static void octets(
      MemorySegment data, long from, long apart, float[] scales, float[] to, int at) {
    FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, scales, 0);
    for (int row = 0; row < KvElements.GROUP; row++) {
      FLOAT_VECTOR
          .cast(
              ByteVector.fromMemorySegment(Lanes.BYTES, data, from + row * apart, Lanes.ORDER)
                  .convertShape(B2F, Lanes.FLOATS, 0))
          .mul(scale)
          .intoArray(to, at + row * W);
    }
  }

  /** Positions, each by its scale. */
  private static void octetRows(
      MemorySegment data, long from, long scales, long apart, float[] to, int at, int rows) {
    for (int row = 0; row < rows; row++) {
      float scale =
          Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, scales + row * apart));
      for (int v = 0; v < W; v += L) {
        FLOAT_VECTOR
            .cast(
                ByteVector.fromMemorySegment(Lanes.BYTES, data, from + row * apart + v, Lanes.ORDER)
                    .convertShape(B2F, Lanes.FLOATS, 0))
            .mul(scale)
            .intoArray(to, at + row * W + v);
      }
    }
  }
}

package dev.serval.models.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads and writes the elements of KV blocks, in whatever type a block keeps them. */
final class KvElements {
  private KvElements() {}

  /** Rounds a head's elements and writes them to a slot. */
  static void write(CpuActivations in, long from, int count, CpuKvMemory kv, long at) {
    MemorySegment out = kv.segment();
    switch (kv.layout().dtype()) {
      case F32 ->
          MemorySegment.copy(in.data(), from * Float.BYTES, out, at, (long) count * Float.BYTES);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out.set(ValueLayout.JAVA_SHORT, at + 2L * i, Float.floatToFloat16(in.at(from + i)));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out.set(ValueLayout.JAVA_SHORT, at + 2L * i, BFloat16.fromFloat(in.at(from + i)));
        }
      }
      default -> throw blockWise(kv);
    }
  }

  /** Widens one slot's elements into an array. */
  static void read(CpuKvMemory kv, long at, int count, float[] to) {
    MemorySegment in = kv.segment();
    switch (kv.layout().dtype()) {
      case F32 -> MemorySegment.copy(in, ValueLayout.JAVA_FLOAT, at, to, 0, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to[i] = Float.float16ToFloat(in.get(ValueLayout.JAVA_SHORT, at + 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          to[i] = BFloat16.toFloat(in.get(ValueLayout.JAVA_SHORT, at + 2L * i));
        }
      }
      default -> throw blockWise(kv);
    }
  }

  /**
   * Widens consecutive slots into arrays by dimension: slot s goes to {@code to[dim][lane + s]}.
   */
  static void readTransposed(
      CpuKvMemory kv, long at, int slots, int count, float[][] to, int lane) {
    MemorySegment in = kv.segment();
    switch (kv.layout().dtype()) {
      case F32 -> transposeFloats(in, at, slots, count, to, lane);
      case F16 -> transposeHalves(in, at, slots, count, to, lane);
      case BF16 -> transposeBrains(in, at, slots, count, to, lane);
      default -> throw blockWise(kv);
    }
  }

  private static void transposeFloats(
      MemorySegment in, long at, int slots, int count, float[][] to, int lane) {
    for (int dim = 0; dim < count; dim++) {
      float[] row = to[dim];
      long from = at + 4L * dim;
      for (int slot = 0; slot < slots; slot++) {
        row[lane + slot] = in.get(ValueLayout.JAVA_FLOAT, from + 4L * count * slot);
      }
    }
  }

  private static void transposeHalves(
      MemorySegment in, long at, int slots, int count, float[][] to, int lane) {
    for (int dim = 0; dim < count; dim++) {
      float[] row = to[dim];
      long from = at + 2L * dim;
      for (int slot = 0; slot < slots; slot++) {
        row[lane + slot] =
            Float.float16ToFloat(in.get(ValueLayout.JAVA_SHORT, from + 2L * count * slot));
      }
    }
  }

  private static void transposeBrains(
      MemorySegment in, long at, int slots, int count, float[][] to, int lane) {
    for (int dim = 0; dim < count; dim++) {
      float[] row = to[dim];
      long from = at + 2L * dim;
      for (int slot = 0; slot < slots; slot++) {
        row[lane + slot] =
            BFloat16.toFloat(in.get(ValueLayout.JAVA_SHORT, from + 2L * count * slot));
      }
    }
  }

  private static IllegalStateException blockWise(CpuKvMemory kv) {
    return new IllegalStateException("KV memory of " + kv.layout().dtype() + " was let through");
  }
}

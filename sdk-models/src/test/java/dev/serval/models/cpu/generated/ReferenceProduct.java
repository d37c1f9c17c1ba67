package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.models.cpu.block.Dequantisation;

/**
 * A dot product in plain code, from the format's description: for 8-bit groups with exactly the
 * roundings that {@link Tile} promises.
 */
final class ReferenceProduct {
  private static final int GROUP = 32;

  private ReferenceProduct() {}

  static double exact(DType dtype, byte[] stored, float[] inputs) {
    float[] elements = elements(dtype, stored);
    double sum = 0;
    for (int i = 0; i < inputs.length; i++) {
      sum += (double) elements[i] * inputs[i];
    }
    return sum;
  }

  static float of(InstructionSet set, DType dtype, byte[] stored, float[] inputs) {
    return switch (TileCase.form(set, dtype)) {
      case BYTES -> integers(dtype, stored, inputs);
      case FLOATS -> floats(elements(dtype, stored), inputs);
      case BFLOATS ->
          set.tileRegisters()
              ? matrices(elements(dtype, stored), inputs)
              : bfloats(elements(dtype, stored), inputs);
    };
  }

  static float[] elements(DType dtype, byte[] stored) {
    if (dtype.blockElements() > 1) {
      return Dequantisation.expand(dtype, stored);
    }
    float[] elements = new float[stored.length / 2];
    for (int i = 0; i < elements.length; i++) {
      short bits = (short) ((stored[2 * i] & 0xFF) | stored[2 * i + 1] << 8);
      elements[i] =
          dtype == DType.F16 ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << 16);
    }
    return elements;
  }

  private static float floats(float[] elements, float[] inputs) {
    float sum = 0;
    for (int i = 0; i < inputs.length; i++) {
      sum = Math.fma(elements[i], inputs[i], sum);
    }
    return sum;
  }

  private static float bfloats(float[] elements, float[] inputs) {
    float sum = 0;
    for (int i = 0; i < inputs.length; i += 2) {
      if (i + 1 < inputs.length) {
        sum = Math.fma(elements[i + 1], rounded(inputs[i + 1]), sum);
      }
      sum = Math.fma(elements[i], rounded(inputs[i]), sum);
    }
    return sum;
  }

  /** Group by group; even and odd columns apart. */
  private static float matrices(float[] elements, float[] inputs) {
    float sum = 0;
    for (int group = 0; group < inputs.length; group += GROUP) {
      float[] sums = new float[2];
      for (int i = group; i < Math.min(group + GROUP, inputs.length); i++) {
        sums[i % 2] = Math.fma(elements[i], rounded(inputs[i]), sums[i % 2]);
      }
      sum += sums[0] + sums[1];
    }
    return sum;
  }

  private static float rounded(float value) {
    if (Float.isNaN(value)) {
      return value;
    }
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000);
  }

  private static float integers(DType dtype, byte[] stored, float[] inputs) {
    float sum = 0;
    int[] rounded = new int[GROUP];
    for (int group = 0; group < inputs.length / GROUP; group++) {
      float scale = round(inputs, group * GROUP, rounded);
      sum = addGroup(dtype, stored, group, rounded, scale, sum);
    }
    return sum;
  }

  private static float round(float[] inputs, int from, int[] rounded) {
    float greatest = 0x1p-100f;
    for (int i = 0; i < GROUP; i++) {
      greatest = Math.max(greatest, Math.abs(inputs[from + i]));
    }
    if (!Float.isFinite(greatest)) {
      return Float.NaN;
    }
    for (int i = 0; i < GROUP; i++) {
      rounded[i] = (int) Math.rint(inputs[from + i] * (127 / greatest));
    }
    return greatest * (1 / 127f);
  }

  /** Codes and scales are found by asking for what blocks of chosen scales expand to. */
  private static float addGroup(
      DType dtype, byte[] stored, int group, int[] inputs, float scale, float before) {
    int perBlock = dtype.blockElements() / GROUP;
    byte[] block =
        java.util.Arrays.copyOfRange(
            stored,
            group / perBlock * dtype.blockBytes(),
            (group / perBlock + 1) * dtype.blockBytes());
    BlockParts parts = BlockParts.of(dtype, block, group % perBlock);
    float sum = before;
    int sections = parts.scales().length;
    for (int section = 0; section < sections; section++) {
      int dot = 0;
      int total = 0;
      for (int i = section * GROUP / sections; i < (section + 1) * GROUP / sections; i++) {
        dot += parts.codes()[i] * inputs[i];
        total += inputs[i];
      }
      sum = Math.fma((float) dot, parts.scales()[section] * scale, sum);
      if (parts.minima().length > 0) {
        sum = Math.fma(parts.minima()[section], -total * scale, sum);
      }
    }
    return sum;
  }
}

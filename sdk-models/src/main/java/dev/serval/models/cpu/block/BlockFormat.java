package dev.serval.models.cpu.block;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Where a block-wise type keeps the bits of each element, and what they mean.
 *
 * <p>Each element is a few low bits in one byte and perhaps a few more in another, {@code high}
 * above {@code low}, which are a number {@code q}: {@code value = factor · (q − bias) + offset},
 * with the factor and offset of {@link BlockScales}. Of some types they are the place of a number.
 * The places are those of <a
 * href="https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h">ggml's blocks</a>, and the
 * order of operations is that of its dequantisation, so values are the same to the bit.
 *
 * <p>Blocks of several matrix rows lie interleaved by pairs of bytes: {@code [pair][lane]}. They
 * are {@link EvenBlocks}.
 */
public final class BlockFormat {
  /** Neighbouring elements of a block have scales in common, so many at least. */
  public static final int SCALED = 16;

  private static final int NIBBLE = 0xF;
  private static final int[] NONE = {};

  private final BlockScales scales;
  private final int elements;
  private final int bytes;
  private final int lowMask;
  private final int highMask;
  private final int flip;
  private final int bias;
  private final int lift;
  private final int[] low;
  private final int[] high;
  private final int[] numbers;

  /** Places count bits from the block's first. */
  private BlockFormat(
      DType dtype,
      int lowMask,
      IntUnaryOperator low,
      int highMask,
      IntUnaryOperator high,
      int flip,
      int bias,
      int[] numbers) {
    scales = BlockScales.of(dtype);
    elements = dtype.blockElements();
    bytes = EvenBlocks.blockBytes(dtype);
    this.lowMask = lowMask;
    this.highMask = highMask;
    this.flip = flip;
    this.bias = bias;
    this.numbers = numbers;
    lift = Integer.bitCount(lowMask);
    this.low = IntStream.range(0, elements).map(low).toArray();
    this.high = IntStream.range(0, elements).map(high).toArray();
  }

  /** That of a type. */
  public static BlockFormat of(DType dtype) {
    return switch (dtype) {
      case Q4_0 -> nibbles(dtype, i -> halves(2, i), 8, NONE);
      case Q4_1 -> nibbles(dtype, i -> halves(4, i), 0, NONE);
      case IQ4_NL -> nibbles(dtype, i -> halves(2, i), 0, UnevenNumbers.all());
      case IQ4_XS -> nibbles(dtype, i -> halves(8 + i / 32 * 16, i % 32), 0, UnevenNumbers.all());
      case MXFP4 -> nibbles(dtype, i -> halves(2, i), 0, FourBitFloats.allDoubled());
      case Q4_K -> nibbles(dtype, i -> pairs(16, i), 0, NONE);
      case Q2_K -> new BlockFormat(dtype, 3, i -> quarters(16, i), 0, i -> 0, 0, 0, NONE);
      case Q8_0 -> new BlockFormat(dtype, 0xFF, i -> 16 + 8 * i, 0, i -> 0, 0x80, 0x80, NONE);
      case Q5_0, Q5_1, Q3_K, Q5_K, Q6_K -> withHighBits(dtype);
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0, TQ2_0 ->
          nibbles(
              dtype,
              i -> halves(CodedBlocks.NIBBLES + i / 32 * 16, i % 32),
              0,
              ChosenNumbers.of(dtype).all());
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    };
  }

  private static BlockFormat nibbles(DType dtype, IntUnaryOperator low, int bias, int[] numbers) {
    return new BlockFormat(dtype, NIBBLE, low, 0, i -> 0, 0, bias, numbers);
  }

  private static BlockFormat withHighBits(DType dtype) {
    return switch (dtype) {
      case Q5_0 -> new BlockFormat(dtype, NIBBLE, i -> halves(6, i), 1, i -> 16 + i, 0, 16, NONE);
      case Q5_1 -> new BlockFormat(dtype, NIBBLE, i -> halves(8, i), 1, i -> 32 + i, 0, 0, NONE);
      case Q3_K ->
          new BlockFormat(
              dtype, 3, i -> quarters(32, i), 1, i -> 8 * (i % 32) + i / 32, 0, 4, NONE);
      case Q5_K ->
          new BlockFormat(
              dtype, NIBBLE, i -> pairs(48, i), 1, i -> 8 * (16 + i % 32) + i / 32, 0, 0, NONE);
      case Q6_K ->
          new BlockFormat(
              dtype,
              NIBBLE,
              i -> 8 * (i / 128 * 64 + i % 64) + i % 128 / 64 * 4,
              3,
              i -> quarters(128, i),
              0,
              32,
              NONE);
      default -> throw new IllegalArgumentException(dtype + " has no high bits");
    };
  }

  /** For each 128 elements the lowest two bits of 32 bytes, then the next ones. */
  private static int quarters(int octet, int element) {
    return 8 * (octet + element / 128 * 32 + element % 32) + element % 128 / 32 * 2;
  }

  /** The lower nibbles of sixteen bytes, then the upper ones. */
  private static int halves(int octet, int element) {
    return 8 * (octet + element % 16) + element / 16 * 4;
  }

  /** For each 64 elements the lower nibbles of 32 bytes, then the upper ones. */
  private static int pairs(int octet, int element) {
    return 8 * (octet + element / 64 * 32 + element % 32) + element % 64 / 32 * 4;
  }

  /** Where the block with this column begins. */
  long block(long panel, int lanes, int column) {
    return panel + (long) (column / elements) * bytes * lanes;
  }

  /** The scales of the sixteen columns from this one on. */
  public void scales(
      MemorySegment data, long panel, int lanes, int column, float[] factors, float[] offsets) {
    int part = column % elements / SCALED;
    scales.fill(data, block(panel, lanes, column), lanes, part, factors, offsets);
  }

  /** One column of all lanes. */
  public void expand(
      MemorySegment data,
      long panel,
      int lanes,
      int column,
      float[] factors,
      float[] offsets,
      float[] to,
      int at) {
    int element = column % elements;
    long block = block(panel, lanes, column);
    long lowAt = unit(block, lanes, low[element]);
    int lowShift = low[element] % Short.SIZE;
    if (numbers.length > 0) {
      expandNumbers(data, lowAt, lowShift, lanes, factors, offsets, to, at);
    } else if (highMask == 0) {
      for (int i = 0; i < lanes; i++) {
        int bits = (data.get(ValueLayout.JAVA_SHORT, lowAt + 2L * i) >>> lowShift) & lowMask;
        to[at + i] = factors[i] * ((bits ^ flip) - bias) + offsets[i];
      }
    } else {
      long highAt = unit(block, lanes, high[element]);
      int highShift = high[element] % Short.SIZE;
      for (int i = 0; i < lanes; i++) {
        int lower = (data.get(ValueLayout.JAVA_SHORT, lowAt + 2L * i) >>> lowShift) & lowMask;
        int upper = (data.get(ValueLayout.JAVA_SHORT, highAt + 2L * i) >>> highShift) & highMask;
        to[at + i] = factors[i] * (((upper << lift) | lower) - bias) + offsets[i];
      }
    }
  }

  private void expandNumbers(
      MemorySegment data,
      long lowAt,
      int shift,
      int lanes,
      float[] factors,
      float[] offsets,
      float[] to,
      int at) {
    for (int i = 0; i < lanes; i++) {
      int place = (data.get(ValueLayout.JAVA_SHORT, lowAt + 2L * i) >>> shift) & lowMask;
      to[at + i] = factors[i] * numbers[place] + offsets[i];
    }
  }

  /** One element. */
  public float element(MemorySegment data, long panel, int lanes, int lane, int column) {
    int element = column % elements;
    long block = block(panel, lanes, column);
    int part = element / SCALED;
    int bits =
        (bits(data, block, lanes, lane, low[element]) & lowMask)
            | ((bits(data, block, lanes, lane, high[element]) & highMask) << lift);
    int number = numbers.length > 0 ? numbers[bits] : (bits ^ flip) - bias;
    return scales.factor(data, block, lanes, lane, part) * number
        + scales.offset(data, block, lanes, lane, part);
  }

  private static int bits(MemorySegment data, long block, int lanes, int lane, int place) {
    long at = unit(block, lanes, place) + 2L * lane;
    return data.get(ValueLayout.JAVA_SHORT, at) >>> place % Short.SIZE;
  }

  private static long unit(long block, int lanes, int place) {
    return block + (long) (place / Short.SIZE) * lanes * Short.BYTES;
  }
}

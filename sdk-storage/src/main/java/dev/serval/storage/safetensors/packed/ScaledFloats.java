package dev.serval.storage.safetensors.packed;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MadeBytes;
import dev.serval.storage.safetensors.format.RawTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * Weights of floating-point numbers of 8 bits (<a href="https://arxiv.org/abs/2209.05433">E4M3 and
 * E5M2</a>), each multiplied by the scale of its block, its row or the whole matrix. To a model
 * they are of BF16: each product is rounded once.
 *
 * @param block how many rows and columns share a scale, where scales are of blocks; else empty
 */
record ScaledFloats(List<Long> block) implements Unpacking {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final List<String> SCALES = List.of("_scale_inv", "_scale");

  /** By what inputs or keys and values could be rounded. */
  private static final List<String> OF_NO_USE =
      List.of(
          ".input_scale",
          "activation_scale",
          ".input_scale_ub",
          ".q_scale",
          ".k_scale",
          ".v_scale");

  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    for (RawTensor weight : List.copyOf(raw.values())) {
      EightBitFloats.of(weight.type())
          .ifPresent(numbers -> {
            raw.remove(weight.name());
            made.put(weight.name(), matrix(weight, scale(weight, raw), numbers));
          });
    }
    raw.keySet().removeIf(name -> OF_NO_USE.stream().anyMatch(name::endsWith));
  }

  private static RawTensor scale(RawTensor weight, Map<String, RawTensor> raw) {
    return SCALES.stream()
        .flatMap(suffix -> Optional.ofNullable(raw.remove(weight.name() + suffix)).stream())
        .findFirst()
        .orElseThrow(() ->
            weight.problem(
                "is of type %s without a scale; it must have %s",
                weight.type(),
                String.join(" or ", SCALES.stream().map(weight.name()::concat).toList())));
  }

  private Supplier<StoredTensor> matrix(RawTensor weight, RawTensor scale, EightBitFloats numbers) {
    weight.requireDimensions(2);
    long rows = weight.shape().getFirst();
    long columns = weight.shape().getLast();
    StoredTensor scales = scale.stored();
    Blocks blocks = blocks(scale, rows, columns);
    return () ->
        new StoredTensor(
            weight.name(),
            DType.BF16,
            weight.shape(),
            new MadeBytes(
                DType.BF16.bytes(rows * columns),
                new Products(numbers, weight.data(), scales, blocks, columns)),
            Optional.empty());
  }

  /**
   * Which scale is whose.
   *
   * @param rows how many rows have the same
   * @param columns how many columns
   * @param across how many scales lie side by side
   */
  private record Blocks(long rows, long columns, long across) {}

  private Blocks blocks(RawTensor scale, long rows, long columns) {
    List<Long> all = new ArrayList<>(scale.shape());
    all.removeIf(length -> length == 1);
    if (all.isEmpty()) {
      return new Blocks(rows, columns, 1);
    }
    if (scale.shape().getFirst() == rows && all.equals(List.of(rows))) {
      return new Blocks(1, columns, 1);
    }
    if (block.isEmpty()) {
      throw scale.problem(
          "has shape %s; it must be one number, or one for each of %d rows", scale.shape(), rows);
    }
    long down = Math.ceilDiv(rows, block.getFirst());
    long across = Math.ceilDiv(columns, block.getLast());
    if (!scale.shape().equals(List.of(down, across))) {
      throw scale.problem(
          "has shape %s; for blocks of %s it must be %s",
          scale.shape(), block, List.of(down, across));
    }
    return new Blocks(block.getFirst(), block.getLast(), across);
  }

  /** Numbers times their scales. */
  private record Products(
      EightBitFloats numbers,
      MemorySegment weight,
      StoredTensor scales,
      Blocks blocks,
      long columns)
      implements MadeBytes.Maker {
    @Override
    public void make(long from, MemorySegment to) {
      long at = from / Short.BYTES;
      long end = at + to.byteSize() / Short.BYTES;
      long written = 0;
      while (at < end) {
        long row = at / columns;
        long column = at % columns;
        long run =
            Math.min(
                end - at,
                Math.min(columns, (column / blocks.columns + 1) * blocks.columns) - column);
        float scale = scales.element(row / blocks.rows * blocks.across + column / blocks.columns);
        run(at, run, scale, to, written);
        at += run;
        written += run;
      }
    }

    private void run(long at, long count, float scale, MemorySegment to, long written) {
      for (long i = 0; i < count; i++) {
        float product = numbers.at(weight.get(ValueLayout.JAVA_BYTE, at + i)) * scale;
        to.set(SHORT, (written + i) * Short.BYTES, bfloat16(product));
      }
    }

    /** To the even one of two that are as near. */
    private static short bfloat16(float number) {
      int bits = Float.floatToRawIntBits(number);
      return Float.isNaN(number)
          ? (short) ((bits >>> Short.SIZE) | 0x40)
          : (short) ((bits + 0x7FFF + ((bits >>> Short.SIZE) & 1)) >>> Short.SIZE);
    }
  }
}

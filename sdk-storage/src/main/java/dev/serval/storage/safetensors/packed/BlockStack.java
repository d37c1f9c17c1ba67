package dev.serval.storage.safetensors.packed;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.checkpoint.MadeBytes;
import dev.serval.storage.safetensors.format.ElementType;
import dev.serval.storage.safetensors.format.RawTensor;
import dev.serval.storage.safetensors.packed.ExpertStacks.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * Matrices of MXFP4 whose scales are in a tensor of their own. A block's elements lie in its bytes
 * two by two, the first one lower; in {@link DType#MXFP4} each byte has one of the first half and
 * one of the second.
 *
 * @param numbers the elements of all blocks
 * @param scales their scales
 * @param experts how many matrices there are
 * @param rows how many rows each has
 * @param blocks how many blocks a row has
 */
record BlockStack(MemorySegment numbers, MemorySegment scales, long experts, long rows, long blocks)
    implements MatrixStack {
  private static final DType TYPE = DType.MXFP4;
  private static final int BYTES = TYPE.blockElements() / 2;

  static BlockStack of(RawTensor numbers, RawTensor scales) {
    List<Long> shape = numbers.requireDimensions(4).shape();
    numbers.require(
        ElementType.U8, List.of(shape.get(0), shape.get(1), shape.get(2), (long) BYTES));
    scales.require(ElementType.U8, shape.subList(0, 3));
    return new BlockStack(numbers.data(), scales.data(), shape.get(0), shape.get(1), shape.get(2));
  }

  @Override
  public StoredTensor matrix(String name, int expert, Rows some) {
    long elements = some.count() * blocks * TYPE.blockElements();
    return new StoredTensor(
        name,
        TYPE,
        List.of(some.count(), blocks * TYPE.blockElements()),
        new MadeBytes(TYPE.bytes(elements), (from, to) -> make(expert, some, from, to)),
        Optional.empty());
  }

  private void make(int expert, Rows some, long from, MemorySegment to) {
    long first = from / TYPE.blockBytes();
    long count = to.byteSize() / TYPE.blockBytes();
    for (long i = 0; i < count; i++) {
      long row = some.at((first + i) / blocks);
      block((expert * rows + row) * blocks + (first + i) % blocks, to, i * TYPE.blockBytes());
    }
  }

  private void block(long block, MemorySegment to, long at) {
    to.set(ValueLayout.JAVA_BYTE, at, scales.get(ValueLayout.JAVA_BYTE, block));
    for (int i = 0; i < BYTES; i++) {
      int both = element(block, i) | (element(block, i + BYTES) << 4);
      to.set(ValueLayout.JAVA_BYTE, at + 1 + i, (byte) both);
    }
  }

  private int element(long block, int index) {
    int pair = numbers.get(ValueLayout.JAVA_BYTE, block * BYTES + index / 2);
    return (pair >> (index % 2 * 4)) & 0xF;
  }
}

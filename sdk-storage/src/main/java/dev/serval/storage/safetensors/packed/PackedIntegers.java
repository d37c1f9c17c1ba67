package dev.serval.storage.safetensors.packed;

import dev.serval.storage.safetensors.format.ElementType;
import dev.serval.storage.safetensors.format.RawTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Unsigned whole numbers of 4 bits, or of 8 bits less 128, as many to a word of 32 bits as fit, the
 * first one lowest.
 *
 * @param data the words, row after row
 * @param bits how many bits a number has
 * @param across how many words a row has
 */
record PackedIntegers(MemorySegment data, int bits, long across) {
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Those of a tensor, which must have such a shape. */
  static PackedIntegers of(RawTensor tensor, int bits, long down, long across) {
    tensor.require(ElementType.I32, List.of(down, across));
    return new PackedIntegers(tensor.data(), bits, across);
  }

  /** How many fit into a word. */
  static int perWord(int bits) {
    return Integer.SIZE / bits;
  }

  /** How many fit into one of its words. */
  int perWord() {
    return perWord(bits);
  }

  int word(long row, long column) {
    return data.get(INT, (row * across + column) * Integer.BYTES);
  }

  /** One of those in a word. */
  int number(int word, long index) {
    int number = (word >>> ((int) index * bits)) & ((1 << bits) - 1);
    return bits == Byte.SIZE ? number + Byte.MIN_VALUE : number;
  }
}

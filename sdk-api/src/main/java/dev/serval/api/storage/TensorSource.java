package dev.serval.api.storage;

import java.lang.foreign.MemorySegment;

/**
 * What a tensor's bytes come from: they lie in memory, or are made of what a checkpoint stores
 * otherwise once somebody asks for them. Usable from any thread.
 */
public interface TensorSource {
  /**
   * How many bytes there are.
   *
   * @return the size, known without making them
   */
  long size();

  /**
   * The bytes. If they have to be made, that is done at the first call; they stay as long as this
   * source does.
   *
   * @return all of them, read-only, at no alignment
   * @throws CheckpointException when what they are made of turns out to be damaged
   */
  MemorySegment bytes();

  /**
   * Some of the bytes. If they have to be made, no others are.
   *
   * @param from where they begin, between two elements, or two blocks of such
   * @param length how many they are, up to such a place, too
   * @return what gives them
   * @throws IndexOutOfBoundsException when there are none such
   */
  TensorSource slice(long from, long length);

  /**
   * Bytes that lie in memory.
   *
   * @param bytes the bytes
   * @return what gives them
   */
  static TensorSource of(MemorySegment bytes) {
    return new BytesInMemory(bytes);
  }
}

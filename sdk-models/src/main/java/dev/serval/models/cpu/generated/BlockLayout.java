package dev.serval.models.cpu.generated;

import java.lang.foreign.MemorySegment;

/** How a block of as many matrix rows as a vector has lanes lies in memory. */
sealed interface BlockLayout permits IntegerLayout, FloatLayout {
  /** Matrix rows of a block. */
  int lanes();

  /** Groups of 32 columns; the last may be filled up with zeros. */
  int groups();

  /** What a group takes, its share of scales included, if that is a whole number. */
  int groupBytes();

  /** The size of a block. */
  long blockBytes();

  /**
   * Rearranges rows; lanes without one are left as they are.
   *
   * @param rows each as it is stored
   * @param count how many there are, at most as many as lanes
   * @param data where to
   * @param at where the block begins there
   */
  void pack(MemorySegment[] rows, int count, MemorySegment data, long at);

  /** One element of the block that begins there. */
  float element(MemorySegment data, long at, int lane, int column);
}

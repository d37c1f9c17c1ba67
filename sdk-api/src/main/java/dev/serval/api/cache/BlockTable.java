package dev.serval.api.cache;

import java.util.Arrays;

/**
 * Which blocks hold a sequence's KV, in the order of its tokens: the token at position p lies in
 * block {@code block(p / blockTokens)}, slot {@code p % blockTokens}. Written by the cache and read
 * by the executor, on the engine's thread or while that waits.
 */
public final class BlockTable {
  /** A table without blocks, never written. */
  public static final BlockTable EMPTY = new BlockTable();

  private int[] blocks = new int[8];
  private int size;

  /** An empty table. */
  public BlockTable() {}

  /**
   * How many blocks there are.
   *
   * @return the number of blocks
   */
  public int size() {
    return size;
  }

  /**
   * One block's number.
   *
   * @param index which block of the sequence, from 0
   * @return its number in the KV memory
   */
  public int block(int index) {
    return blocks[index];
  }

  /**
   * Appends a block.
   *
   * @param block its number in the KV memory
   */
  public void add(int block) {
    if (size == blocks.length) {
      blocks = Arrays.copyOf(blocks, size * 2);
    }
    blocks[size++] = block;
  }

  /** Forgets all blocks. */
  public void clear() {
    size = 0;
  }
}

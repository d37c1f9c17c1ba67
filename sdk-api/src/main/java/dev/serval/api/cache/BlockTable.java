package dev.serval.api.cache;

import java.util.Arrays;

/**
 * Which blocks hold a sequence's KV, in the order of its tokens and, where layers are in several
 * {@linkplain KvLayout#groups groups}, of these: what the layers of group g keep of the token at
 * position p lies in block {@code block(p / blockTokens · groups + g)}, slot {@code p %
 * blockTokens}. Written by the cache and read by the executor, on the engine's thread or while that
 * waits.
 */
public final class BlockTable {
  /**
   * There is no block: it was let go of, since no query sees its positions any more, or is to come.
   */
  public static final int NONE = -1;

  /** A table without blocks, never written. */
  public static final BlockTable EMPTY = new BlockTable();

  private int[] blocks = new int[8];
  private int size;
  private int held;

  /** An empty table. */
  public BlockTable() {}

  /**
   * How many entries there are.
   *
   * @return the number of blocks, those included that are not there
   */
  public int size() {
    return size;
  }

  /**
   * How many blocks there are.
   *
   * @return the number of entries that are not {@link #NONE}
   */
  public int held() {
    return held;
  }

  /**
   * One block's number.
   *
   * @param index which entry, from 0
   * @return its number in the KV memory, or {@link #NONE}
   */
  public int block(int index) {
    return blocks[index];
  }

  /**
   * Appends a block.
   *
   * @param block its number in the KV memory, or {@link #NONE}
   */
  public void add(int block) {
    if (size == blocks.length) {
      blocks = Arrays.copyOf(blocks, size * 2);
    }
    blocks[size++] = block;
    held += block == NONE ? 0 : 1;
  }

  /**
   * Replaces a block.
   *
   * @param index which entry, from 0
   * @param block its number in the KV memory, or {@link #NONE}
   */
  public void set(int index, int block) {
    held += (block == NONE ? 0 : 1) - (blocks[index] == NONE ? 0 : 1);
    blocks[index] = block;
  }

  /** Forgets all blocks. */
  public void clear() {
    size = 0;
    held = 0;
  }
}

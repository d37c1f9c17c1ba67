package dev.serval.api.cache;

import java.lang.foreign.MemorySegment;

/**
 * The memory of an engine's KV blocks on its device: one allocation, addressed by block number.
 * Only the backend that made it computes on it.
 */
public interface KvMemory {
  /**
   * How a block is laid out.
   *
   * @return the layout
   */
  KvLayout layout();

  /**
   * How many blocks there are.
   *
   * @return the number of blocks
   */
  int blocks();

  /**
   * The whole memory, if the host can address it.
   *
   * @return {@code blocks() · layout().blockBytes()} bytes, block after block
   * @throws UnsupportedOperationException when it lies where the host cannot reach
   */
  MemorySegment segment();
}

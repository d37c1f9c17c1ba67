package dev.serval.models.cpu;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.device.NativeMemory;

/** How a tier of kernels attends. */
public interface AttentionKernel {
  /** Rows that share what is read of the cache, unless a kernel has other wishes. */
  int ROWS = 16;

  /**
   * The most rows of one call: they share what is read of the cache.
   *
   * @param spec the shape of queries
   * @param layout that of the cache
   * @return how many there are
   */
  default int rows(AttentionSpec spec, KvLayout layout) {
    return ROWS;
  }

  /**
   * Makes sure there is room for this shape. Called by the thread that asks for the operation,
   * before workers start.
   *
   * @param spec the shape of queries
   * @param layout that of the cache
   * @param memory who has the room
   */
  void prepare(AttentionSpec spec, KvLayout layout, NativeMemory memory);

  /**
   * Attends with all query heads of one key head, for consecutive rows of one sequence. Any worker
   * may do any rows; a row's bits depend on the row, its position and its sequence's cache alone.
   *
   * @param work the operation
   * @param from the first row
   * @param to behind the last row
   * @param kvHead the key head
   * @param worker who computes
   */
  void attend(AttentionWork work, int from, int to, int kvHead, int worker);
}

package dev.serval.models.cpu.attention;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.device.NativeMemory;
import java.util.Optional;

/** How a tier of kernels attends. */
public interface AttentionKernel {
  /** Rows that share what is read of the cache, unless a kernel has other wishes. */
  int ROWS = 16;

  /**
   * Positions of a stretch, which is added up by itself. Stretches lie at multiples of their size
   * from position 0, wherever the rows begin and whatever the window.
   */
  int STRETCH = 256;

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

  /** Makes the output of rows that were attended to in several pieces. */
  interface Merger {
    /**
     * Merges the sums of all stretches, in their order.
     *
     * @param work the operation
     * @param piece the first piece of the run
     * @param kvHead the key head
     * @param worker who computes
     */
    void merge(AttentionWork work, int piece, int kvHead, int worker);
  }

  /**
   * What merges, if work may be cut between stretches.
   *
   * @param spec the shape of queries
   * @param layout that of the cache
   * @return the merger; empty if runs are always whole
   */
  default Optional<Merger> merger(AttentionSpec spec, KvLayout layout) {
    return Optional.empty();
  }

  /**
   * Attends with all query heads of one key head, for a piece's rows. If it is whole, the outcome
   * is their output; otherwise it is each stretch's sums. Any worker may do any piece; a row's bits
   * depend on the row, its position and its sequence's cache alone.
   *
   * @param work the operation
   * @param piece which piece of it
   * @param kvHead the key head
   * @param worker who computes
   */
  void attend(AttentionWork work, int piece, int kvHead, int worker);
}

package dev.serval.api.compute;

import java.lang.foreign.MemorySegment;

/**
 * The model's scores over its vocabulary, one row for each sequence of the step that wanted them,
 * in the order of {@link StepBatch#logitRow}. Valid until the next step; read by the engine's
 * thread.
 */
public interface Logits {
  /**
   * How many rows the last step produced.
   *
   * @return the number of sequences that wanted logits
   */
  int rows();

  /**
   * How many scores a row has.
   *
   * @return the vocabulary's size
   */
  int vocabulary();

  /**
   * A row in host memory, copied there first if it is elsewhere.
   *
   * @param row which, from 0
   * @return {@link #vocabulary} F32 values in native byte order, which the caller may overwrite
   */
  MemorySegment row(int row);
}

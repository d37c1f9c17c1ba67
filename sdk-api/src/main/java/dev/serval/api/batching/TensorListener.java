package dev.serval.api.batching;

/**
 * Hears what a batcher of tensors does. Called on the batcher's thread, so it must return quickly;
 * what it throws goes to that thread's handler of uncaught exceptions.
 */
public interface TensorListener {
  /** Hears nothing. */
  TensorListener NONE = new TensorListener() {};

  /**
   * A batch was computed, or failed.
   *
   * @param inputs how many inputs it had
   * @param length the sum of their lengths
   * @param paddedLength the same with each as long as the longest
   * @param nanos how long the model took
   */
  default void batch(int inputs, long length, long paddedLength, long nanos) {}

  /**
   * An input's batch is about to be computed.
   *
   * @param nanos how long the input has waited for that
   */
  default void began(long nanos) {}

  /** An input's deadline passed before its batch began. */
  default void expired() {}
}

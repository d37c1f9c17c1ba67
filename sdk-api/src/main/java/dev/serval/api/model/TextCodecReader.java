package dev.serval.api.model;

import dev.serval.api.storage.Checkpoint;

/**
 * Reads tokenizer and chat template out of a checkpoint. Implementations are found by {@link
 * java.util.ServiceLoader} or given to the runtime, and have no state.
 */
public interface TextCodecReader {
  /**
   * Reads the codec.
   *
   * @param checkpoint the checkpoint; may be closed afterwards
   * @return the codec, which the caller closes
   * @throws dev.serval.api.storage.CheckpointException when a file is missing or damaged, naming it
   */
  TextCodec read(Checkpoint checkpoint);
}

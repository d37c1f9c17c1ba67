package dev.serval.api.model;

import java.nio.file.Path;

/**
 * Opens embedding models of one format. Implementations are found by {@link
 * java.util.ServiceLoader} or given to the runtime, and have no state.
 */
public interface EmbeddingModelReader {
  /**
   * The format's name, such as {@code onnx}.
   *
   * @return the name
   */
  String format();

  /**
   * Whether what lies at a path looks like this format. Reads no more than names.
   *
   * @param path a folder or a file, which may not be there
   * @return true if {@link #open} is worth trying
   */
  boolean recognises(Path path);

  /**
   * Opens a model.
   *
   * @param path its folder or file
   * @param limits what it may take
   * @return the model, which the caller closes
   * @throws dev.serval.api.storage.CheckpointException when a file is missing or damaged, or the
   *     model is not one that can be run, naming it and why
   */
  EmbeddingModel open(Path path, EmbeddingLimits limits);
}

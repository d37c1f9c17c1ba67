package dev.serval.api;

/**
 * Hears how far a long piece of work has come, such as loading a checkpoint. Called on the thread
 * that does the work; it must return quickly.
 */
@FunctionalInterface
public interface LoadListener {
  /** Hears nothing. */
  LoadListener NONE = (stage, done, total) -> {};

  /**
   * Some more is done.
   *
   * @param stage what is being done, such as {@code weights}
   * @param done how much of it is done, in the stage's own unit
   * @param total how much there is in all; at least 1
   */
  void progress(String stage, long done, long total);
}

package dev.serval.api;

/** A generation that had begun could not be finished. Other requests are not touched by it. */
public final class GenerationFailedException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what failed, where nothing else led to it.
   *
   * @param message what failed, in a sentence
   */
  public GenerationFailedException(String message) {
    super(message);
  }

  /**
   * Says what failed.
   *
   * @param message what failed, in a sentence
   * @param cause what led to it
   */
  public GenerationFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}

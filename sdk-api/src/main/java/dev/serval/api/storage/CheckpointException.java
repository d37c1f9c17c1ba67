package dev.serval.api.storage;

import dev.serval.api.ServalException;

/** A checkpoint is damaged, incomplete, or asks for what is not supported. */
public final class CheckpointException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * Names file, tensor or field, the value found and what is allowed.
   *
   * @param message the problem, in a sentence
   */
  public CheckpointException(String message) {
    super(message);
  }

  /**
   * Names the file and what led to the problem.
   *
   * @param message the problem, in a sentence
   * @param cause what led to it
   */
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}

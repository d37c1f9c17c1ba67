package dev.serval.api.gpu;

import dev.serval.api.ServalException;
import org.jspecify.annotations.Nullable;

/** Bytes could not be moved, or were not because somebody cancelled that. */
public final class TransferException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * Names what was to be moved, how far it came and what was in the way.
   *
   * @param message the problem, in a sentence
   * @param cause what led to it, if anything was thrown
   */
  public TransferException(String message, @Nullable Throwable cause) {
    super(message);
    if (cause != null) {
      initCause(cause);
    }
  }
}

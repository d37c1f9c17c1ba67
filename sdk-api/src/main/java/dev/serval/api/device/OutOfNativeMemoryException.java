package dev.serval.api.device;

import dev.serval.api.Bytes;
import dev.serval.api.ServalException;
import org.jspecify.annotations.Nullable;

/** The budget for native memory, or the machine itself, does not have what was asked for. */
public final class OutOfNativeMemoryException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * A device's own memory does not have what was asked for.
   *
   * @param owner who asked for it, and on which device
   * @param asked how much
   * @param free how much the device has left
   * @param cause what the device said, or null
   */
  public OutOfNativeMemoryException(
      String owner, Bytes asked, Bytes free, @Nullable Throwable cause) {
    super("%s asked for %s of the device's memory; %s are free".formatted(owner, asked, free));
    if (cause != null) {
      initCause(cause);
    }
  }

  OutOfNativeMemoryException(
      String owner, long asked, Bytes used, Bytes limit, @Nullable Throwable cause) {
    super(
        "%s asked for %s of native memory; %s of the budget of %s are in use%s"
            .formatted(
                owner,
                Bytes.of(asked),
                used,
                limit,
                cause == null ? "" : ", and the machine has no more"));
    if (cause != null) {
      initCause(cause);
    }
  }
}

package dev.serval.api.device;

import dev.serval.api.Bytes;
import dev.serval.api.ServalException;
import org.jspecify.annotations.Nullable;

/** The budget for native memory, or the machine itself, does not have what was asked for. */
public final class OutOfNativeMemoryException extends ServalException {
  private static final long serialVersionUID = 1L;

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

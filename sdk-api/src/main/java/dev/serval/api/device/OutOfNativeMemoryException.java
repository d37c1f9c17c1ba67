package dev.serval.api.device;

import dev.serval.api.Bytes;
import dev.serval.api.ServalException;
import org.jspecify.annotations.Nullable;

/**
 * The budget for native memory, or for a device's, does not have what was asked for; or the machine
 * or the device itself has not.
 */
public final class OutOfNativeMemoryException extends ServalException {
  private static final long serialVersionUID = 1L;

  OutOfNativeMemoryException(
      String owner, long asked, Bytes used, Bytes limit, @Nullable Throwable cause) {
    this(
        owner,
        "native memory",
        Bytes.of(asked),
        used,
        limit,
        cause == null ? "" : ", and the machine has no more");
    if (cause != null) {
      initCause(cause);
    }
  }

  /**
   * Names who asked for what, and how much there is.
   *
   * @param owner who asked, as a path of owners
   * @param kind the kind of memory, such as {@code device memory}
   * @param asked how much was asked for
   * @param used how much of the budget is in use
   * @param limit the budget
   * @param reason what else there is to say, after a comma; empty when the budget says it all
   */
  public OutOfNativeMemoryException(
      String owner, String kind, Bytes asked, Bytes used, Bytes limit, String reason) {
    super(
        "%s asked for %s of %s; %s of the budget of %s are in use%s"
            .formatted(owner, asked, kind, used, limit, reason));
  }
}

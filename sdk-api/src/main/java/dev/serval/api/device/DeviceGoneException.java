package dev.serval.api.device;

import dev.serval.api.ServalException;
import org.jspecify.annotations.Nullable;

/**
 * A device went wrong so badly that nothing on it can be used any more. A backend throws it from
 * every step from then on; it can still be closed.
 */
public final class DeviceGoneException extends ServalException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  /**
   * Names the device and what happened.
   *
   * @param device the device
   * @param reason what happened: a clause without a full stop
   * @param cause what led to it, or null
   */
  public DeviceGoneException(Device device, String reason, @Nullable Throwable cause) {
    super(
        "%s (%s) is lost: %s; what is on it has to be loaded anew"
            .formatted(device.id(), device.name(), reason));
    this.reason = reason;
    if (cause != null) {
      initCause(cause);
    }
  }

  /**
   * What happened.
   *
   * @return a clause without a full stop
   */
  public String reason() {
    return reason;
  }
}

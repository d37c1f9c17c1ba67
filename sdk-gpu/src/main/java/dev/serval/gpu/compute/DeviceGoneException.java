package dev.serval.gpu.compute;

import dev.serval.api.ServalException;
import dev.serval.api.device.Device;
import dev.serval.gpu.driver.DeviceLostException;

/** The device went wrong so badly that nothing on it can be used any more. */
final class DeviceGoneException extends ServalException {
  private static final long serialVersionUID = 1L;

  DeviceGoneException(Device device, DeviceLostException cause) {
    super(
        "%s (%s) is lost: %s; what is on it has to be loaded anew"
            .formatted(device.id(), device.name(), cause.getMessage()));
    initCause(cause);
  }
}

package dev.serval.gpu.device;

/**
 * Is told of devices' health, on the thread that drives the {@link HealthWatch}. Should not wait.
 */
@FunctionalInterface
public interface HealthListener {
  /** Hears nothing. */
  HealthListener NONE = (_, _) -> {};

  /**
   * A device fares otherwise than before.
   *
   * @param uuid the device's attribute {@code uuid}
   * @param health how it fares now
   */
  void changed(String uuid, DeviceHealth health);

  /**
   * An Xid came, whether or not it changes how the device fares.
   *
   * @param uuid the device's attribute {@code uuid}
   * @param xid the driver's number for what went wrong
   * @param response what is done about it
   */
  default void xid(String uuid, int xid, XidResponse response) {}
}

package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.OutOfDeviceMemoryException;

/**
 * A backend's share of its device's memory: what was free when the backend was opened is all that
 * it may take. Belongs to the thread that uses the backend.
 */
final class DeviceRoom {
  private final String owner;
  private final Context context;
  private final Bytes limit;
  private long used;

  /**
   * Over all that is free.
   *
   * @param owner who takes it, on which device
   * @param context where it is taken
   */
  DeviceRoom(String owner, Context context) {
    this.owner = owner;
    this.context = context;
    limit = context.freeMemory();
  }

  Bytes used() {
    return Bytes.of(used);
  }

  Bytes limit() {
    return limit;
  }

  /**
   * Takes memory, uninitialised, until it is given back or the context is closed.
   *
   * @throws OutOfNativeMemoryException when there is not as much
   */
  DeviceMemory allocate(String use, long bytes) {
    if (bytes > limit.count() - used) {
      throw refusal(use, bytes, "");
    }
    try {
      DeviceMemory memory = context.allocate(bytes);
      used += bytes;
      return memory;
    } catch (OutOfDeviceMemoryException e) {
      OutOfNativeMemoryException refusal =
          refusal(use, bytes, ", and the device has but " + context.freeMemory() + " left");
      refusal.initCause(e);
      throw refusal;
    }
  }

  /** Gives memory back that nothing on the device uses any more. */
  void free(DeviceMemory memory) {
    used -= memory.bytes();
    memory.close();
  }

  private OutOfNativeMemoryException refusal(String use, long bytes, String reason) {
    return new OutOfNativeMemoryException(
        owner + " for " + use, "device memory", Bytes.of(bytes), used(), limit, reason);
  }
}

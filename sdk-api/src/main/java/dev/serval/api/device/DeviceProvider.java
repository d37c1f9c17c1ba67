package dev.serval.api.device;

import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/**
 * Finds devices of one sort. Implementations are found by {@link java.util.ServiceLoader} or given
 * to the runtime. They are asked on the thread that builds a runtime, and again on one of the
 * runtime's own, for as long as a device of theirs is lost: one that is found again may be used
 * again.
 */
public interface DeviceProvider {
  /**
   * What is looked for.
   *
   * @return a short name, such as {@code cpu}
   */
  String name();

  /**
   * Looks for devices. What is not there is no error.
   *
   * @return what was found, and a sentence on it
   */
  Discovery discover();

  /**
   * Begins to follow how the devices fare.
   *
   * @param clock tells the time
   * @return the watch, which the caller drives and closes; empty where there is nothing to follow
   */
  default Optional<DeviceWatch> watch(InstantSource clock) {
    return Optional.empty();
  }

  /**
   * The outcome of a search.
   *
   * @param devices the devices, possibly none
   * @param finding a sentence on what was looked at, and why nothing was found where that is so
   */
  record Discovery(List<Device> devices, String finding) {
    /** Copies the list. */
    public Discovery {
      devices = List.copyOf(devices);
    }
  }
}

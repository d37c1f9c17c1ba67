package dev.serval.api.compute;

import dev.serval.api.ConfigurationException;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import java.util.List;

/**
 * Opens backends on devices of one sort. Implementations are found by {@link
 * java.util.ServiceLoader} or given to the runtime.
 */
public interface ComputeBackendProvider {
  /**
   * The backend's name.
   *
   * @return a short name, such as {@code cpu}
   */
  String name();

  /**
   * Whether this backend can run on a device.
   *
   * @param device a device that a provider found
   * @return true if {@link #open} will take it
   */
  boolean supports(Device device);

  /**
   * Opens a backend for one engine.
   *
   * @param device where to run
   * @param threads how many threads an operation may use, the caller's included; at least 1
   * @param memory what the backend's allocations belong to; the caller closes it after the backend
   * @return the backend, which the caller closes
   */
  ComputeBackend open(Device device, int threads, NativeMemory memory);

  /**
   * Opens a backend for one engine, with the kernels that the application wishes. A backend that
   * has but one sort of kernels takes any wish that leaves it the choice, and no other.
   *
   * @param device where to run
   * @param threads how many threads an operation may use, the caller's included; at least 1
   * @param kernels which kernels to compute with
   * @param memory what the backend's allocations belong to; the caller closes it after the backend
   * @return the backend, which the caller closes
   * @throws ConfigurationException when these kernels cannot be had; says what is missing for them
   */
  default ComputeBackend open(
      Device device, int threads, KernelPreference kernels, NativeMemory memory) {
    if (kernels instanceof KernelPreference.Require(KernelKind kind)) {
      throw new ConfigurationException(
          List.of(
              "kernels: %s ones are required, and the %s backend has one sort alone"
                  .formatted(kind, name())));
    }
    return open(device, threads, memory);
  }
}

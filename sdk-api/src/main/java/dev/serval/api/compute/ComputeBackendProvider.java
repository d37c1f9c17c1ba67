package dev.serval.api.compute;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
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
   * How much of a device's memory weights take once they are loaded: what is planned with before
   * there is a backend. A backend may keep a type in more bytes, or fewer, than it is stored in.
   * Nothing is read of the weights but their types and shapes.
   *
   * @param device a device that this backend can run on
   * @param options as they will be given to {@link #open}
   * @param weights each as it will be given to {@link ComputeBackend#load}
   * @return the sum, to the byte; what stays where the checkpoint is mapped is in it. As much as is
   *     stored where a backend does not say otherwise
   * @throws ConfigurationException when {@link #open} would throw it because of the kernels
   */
  default Bytes footprint(Device device, ComputeOptions options, List<List<StoredTensor>> weights) {
    return Bytes.of(
        weights.stream()
            .flatMap(List::stream)
            .mapToLong(StoredTensor::byteSize)
            .reduce(0, Math::addExact));
  }

  /**
   * Opens a backend for one engine. A backend that has but one sort of kernels takes any wish that
   * leaves it the choice, and no other.
   *
   * @param device where to run
   * @param options how to compute
   * @param memory what the backend's allocations belong to; the caller closes it after the backend
   * @return the backend, which the caller closes
   * @throws ConfigurationException when these kernels cannot be had or threads cannot be pinned;
   *     says what is missing for it
   * @throws dev.serval.api.ServalException of any other kind when the device cannot be used, such
   *     as for want of memory; a model that may go elsewhere is then tried there
   */
  ComputeBackend open(Device device, ComputeOptions options, NativeMemory memory);

  /**
   * Opens a backend for one engine with its best kernels.
   *
   * @param device where to run
   * @param threads how many threads an operation may use, the caller's included; at least 1
   * @param memory what the backend's allocations belong to; the caller closes it after the backend
   * @return the backend, which the caller closes
   */
  default ComputeBackend open(Device device, int threads, NativeMemory memory) {
    return open(device, ComputeOptions.of(threads), memory);
  }
}

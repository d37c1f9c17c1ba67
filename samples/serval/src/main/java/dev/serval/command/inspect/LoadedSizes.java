package dev.serval.command.inspect;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.device.Device;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a model's weights take on the devices of this machine.
 *
 * @param devices where they could be
 * @param backends what could load them there
 */
public record LoadedSizes(List<Device> devices, List<ComputeBackendProvider> backends) {
  /** Copies the lists. */
  public LoadedSizes {
    devices = List.copyOf(devices);
    backends = List.copyOf(backends);
  }

  /** The size on each device that something computes on, by the device's id. */
  Map<String, Bytes> of(ModelFamily family, Checkpoint checkpoint) {
    List<List<StoredTensor>> weights = family.weights(checkpoint);
    Map<String, Bytes> sizes = new LinkedHashMap<>();
    for (Device device : devices) {
      backends.stream()
          .filter(backend -> backend.supports(device))
          .findFirst()
          .map(backend -> backend.footprint(device, ComputeOptions.of(1), weights))
          .ifPresent(bytes -> sizes.put(device.id(), bytes));
    }
    return sizes;
  }
}

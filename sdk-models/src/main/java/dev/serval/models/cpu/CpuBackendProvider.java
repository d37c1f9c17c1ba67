package dev.serval.models.cpu;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;

/** Opens backends on processors. */
public final class CpuBackendProvider implements ComputeBackendProvider {
  /** For the service loader. */
  public CpuBackendProvider() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public boolean supports(Device device) {
    return device.kind() == DeviceKind.CPU;
  }

  @Override
  public ComputeBackend open(Device device, int threads, NativeMemory memory) {
    if (!supports(device)) {
      throw new IllegalArgumentException(
          "the cpu backend runs on processors, not on %s, a %s"
              .formatted(device.id(), device.kind()));
    }
    if (threads < 1) {
      throw new IllegalArgumentException("an operation uses at least 1 thread, not " + threads);
    }
    return new CpuBackend(device, memory, threads);
  }
}

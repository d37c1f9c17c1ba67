package dev.serval.models.cpu;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.testkit.ComputeBackendContract;
import java.util.List;
import java.util.TreeMap;

final class CpuBackendContractTest extends ComputeBackendContract {
  static final Device CPU =
      new Device("cpu:0", DeviceKind.CPU, "test", Bytes.gibi(1), new TreeMap<>());

  @Override
  protected ComputeBackendProvider provider() {
    return new CpuBackendProvider(List.of(new PlainTierSource()), Processor.here());
  }

  @Override
  protected Device device() {
    return CPU;
  }
}

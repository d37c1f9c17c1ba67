package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider;
import dev.serval.testkit.DeviceProviderContract;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What this machine has, be it nothing. */
class SystemDevicesTest extends DeviceProviderContract {
  @Override
  protected DeviceProvider provider() {
    return new CudaDeviceProvider();
  }

  @Tag("nvidia")
  @Test
  void a_gpu_is_described_by_its_driver_and_by_nvml() {
    List<Device> devices = provider().discover().devices();
    assumeTrue(!devices.isEmpty(), "this machine has no GPU");
    assertThat(devices)
        .allSatisfy(device -> {
          assertThat(device.attributes())
              .containsKeys(
                  "architecture", "brand", "memory", "multiprocessors", "pcieBusID", "productName")
              .hasEntrySatisfying("uuid", uuid -> assertThat(uuid).matches("(GPU|MIG)-[0-9a-f-]+"))
              .hasEntrySatisfying(
                  "cudaComputeCapability", version -> assertThat(version).matches("\\d+\\.\\d\\.0"))
              .hasEntrySatisfying(
                  "driverVersion", version -> assertThat(version).matches("\\d+\\.\\d+(\\.\\d+)?"));
          assertThat(device.memory()).isGreaterThan(Bytes.gibi(1));
        });
  }
}

package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.DeviceProviderContract;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A machine with two GPUs, the second of which is cut in two. */
class CudaDeviceProviderTest extends DeviceProviderContract {
  @RegisterExtension
  final StandIn machine =
      StandIn.with(
          "devices=2", "memory=80g", "name=Tested", "nvlinks=4", "driverName=550.54.15", "mig.1=2");

  @TempDir private Path root;

  @Override
  protected DeviceProvider provider() {
    return new CudaDeviceProvider(machine.library(), machine.managementLibrary(), root);
  }

  private List<Device> devices() {
    return provider().discover().devices();
  }

  @Test
  void a_gpu_is_described_as_kubernetes_would_be_told() throws IOException {
    Path files = root.resolve("sys/devices/pci0000:0f/0000:0f:01.0/0000:10:00.0");
    Files.createDirectories(files);
    Files.writeString(files.resolve("numa_node"), "1\n");
    Path bus = Files.createDirectories(root.resolve("sys/bus/pci/devices"));
    Files.createSymbolicLink(bus.resolve("0000:10:00.0"), files);
    machine.process(0, 4711, 8L << 30);

    Device device = devices().getFirst();

    assertThat(device.kind()).isEqualTo(DeviceKind.GPU);
    assertThat(device.name()).isEqualTo("Tested");
    assertThat(device.attributes())
        .contains(
            entry("addressingMode", "None"),
            entry("architecture", "Hopper"),
            entry("brand", "Nvidia"),
            entry("cudaComputeCapability", "9.0.0"),
            entry("driverVersion", "550.54.15"),
            entry("memory", Long.toString(80L << 30)),
            entry("multiprocessors", "132"),
            entry("numa.node", "1"),
            entry("nvlink.links", "4"),
            entry("nvlink.peers", "0000:20:00.0"),
            entry("pcie.generation", "5"),
            entry("pcie.width", "16"),
            entry("pcieBusID", "0000:10:00.0"),
            entry("processes", "1"),
            entry("productName", "Tested"),
            entry("resource.kubernetes.io/pcieRoot", "pci0000:0f"),
            entry("type", "gpu"));
    assertThat(device.attributes().get("uuid")).matches("GPU-[0-9a-f-]{36}");
    assertThat(device.id()).isEqualTo("gpu:" + device.attributes().get("uuid").substring(4));
  }

  @Test
  void what_others_hold_of_the_memory_and_a_sixteenth_is_not_for_models() {
    machine.configure("memory=64m");
    DriverSearch.Found found = (DriverSearch.Found) DriverSearch.at(machine.library());

    try (Context context = found.driver().devices().getFirst().context();
        DeviceMemory memory = context.allocate(16 << 20)) {
      long free = context.freeMemory().count();
      assertThat(free).isLessThanOrEqualTo((64 << 20) - memory.bytes());
      assertThat(devices().getFirst().memory()).isEqualTo(Bytes.of(free - (4 << 20)));
    }
  }

  @Test
  void a_mig_instance_is_a_device_of_its_own() {
    Device instance = devices().get(1);

    assertThat(instance.attributes()).containsEntry("type", "mig").containsKey("profile");
    assertThat(instance.attributes().get("uuid")).startsWith("MIG-");
    assertThat(instance.attributes().get("parentUUID")).startsWith("GPU-");
    assertThat(Integer.parseInt(instance.attributes().get("multiprocessors"))).isLessThan(132);
    assertThat(instance.memory()).isLessThan(Bytes.of(40L << 30));
  }

  @Test
  void an_only_device_has_a_short_id() {
    machine.configure("devices=1");

    assertThat(devices()).singleElement().extracting(Device::id).asString().hasSize(12);
  }

  @Test
  void the_finding_tells_the_versions() {
    assertThat(provider().discover().finding())
        .contains("2 devices: " + machine.library() + " of CUDA ")
        .contains("(550.54.15); NVML knows 2 devices of this machine");
  }

  @Test
  void without_nvml_the_driver_alone_tells_and_the_finding_says_what_is_missing() {
    Path missing = root.resolve("libnvidia-ml.so.1");

    DeviceProvider.Discovery discovery =
        new CudaDeviceProvider(machine.library(), missing, root).discover();

    assertThat(discovery.devices()).hasSize(2);
    assertThat(discovery.devices().getFirst().attributes())
        .containsEntry("architecture", "Hopper")
        .doesNotContainKeys("brand", "processes");
    assertThat(discovery.finding())
        .contains(
            "without free memory, NVLinks, processes and health, for NVML is not there: there is"
                + " no library at "
                + missing);
  }

  @Test
  void an_nvml_that_does_not_work_is_as_good_as_none() {
    machine.configure("nvmlInitCode=18");

    DeviceProvider.Discovery discovery = provider().discover();

    assertThat(discovery.devices()).hasSize(1);
    assertThat(discovery.finding()).contains("does not work: Driver/library version mismatch");
  }

  @Test
  void without_cufile_the_finding_says_so() {
    Path alone = root.resolve("libcuda.so.1");
    copy(machine.library(), alone);

    assertThat(new CudaDeviceProvider(alone, alone, root).discover().finding())
        .endsWith(
            "no GPUDirect for files: there is no library at " + root.resolve("libcufile.so.0"));
  }

  private static void copy(Path from, Path to) {
    try {
      Files.createSymbolicLink(to, from.toRealPath());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void cufile_is_not_opened_where_the_kernel_lacks_its_module() {
    assertThat(provider().discover().finding())
        .endsWith("libcufile.so.0 is there, but the kernel's module nvidia-fs is not loaded");
    assertThat(machine.calls("cuFileDriverOpen")).isZero();
  }

  @Test
  void gpu_direct_is_what_cufile_says_it_serves() throws IOException {
    Files.createDirectories(root.resolve("proc/driver/nvidia-fs"));

    assertThat(provider().discover().finding())
        .contains("GPUDirect for files by ")
        .endsWith("(nvidia-fs 2.17)");
    machine.configure("gpuDirect=0");
    assertThat(provider().discover().finding())
        .endsWith("serves no storage of this machine directly");
    machine.configure("fileCompat=1");
    assertThat(provider().discover().finding())
        .contains("may copy through the host's memory without a word")
        .endsWith("CUFILE_ALLOW_COMPAT_MODE=false");
    machine.failNext("cuFileDriverOpen", 5001);
    assertThat(provider().discover().finding()).endsWith("does not open (CUfileOpError 5001)");
    machine.failNext("cuFileDriverGetProperties", 5002);
    assertThat(provider().discover().finding())
        .endsWith("does not tell what it can do (CUfileOpError 5002)");
  }

  @Test
  void an_old_driver_is_a_finding() {
    machine.configure("driver=11040");

    DeviceProvider.Discovery discovery = provider().discover();

    assertThat(discovery.devices()).isEmpty();
    assertThat(discovery.finding()).contains("it is of CUDA 11.4, and 12.0 is needed");
  }

  @Test
  void a_device_that_is_lost_is_not_offered_and_the_finding_says_so() {
    machine.lose(0, StandIn.UNKNOWN);

    DeviceProvider.Discovery discovery = provider().discover();

    assertThat(discovery.devices())
        .singleElement()
        .satisfies(device -> assertThat(device.attributes()).containsEntry("type", "mig"));
    assertThat(discovery.finding()).startsWith("2 devices, 1 of which lost or waiting for a reset");
  }

  @Test
  void a_driver_that_does_not_tell_its_devices_is_a_finding() {
    machine.failNext("cuDeviceGetCount", StandIn.UNKNOWN);

    DeviceProvider.Discovery discovery = provider().discover();

    assertThat(discovery.devices()).isEmpty();
    assertThat(discovery.finding())
        .contains("does not tell its devices: cuDeviceGetCount failed with CUDA_ERROR_UNKNOWN");
  }
}

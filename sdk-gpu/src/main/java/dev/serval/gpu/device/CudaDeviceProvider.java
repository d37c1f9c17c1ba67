package dev.serval.gpu.device;

import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.device.DeviceWatch;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.file.CuFileSearch;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Finds the NVIDIA GPUs, and the MIG instances of GPUs, that this process may use.
 *
 * <p>Which they are is what the CUDA driver says ({@code libcuda}); what more there is to know
 * comes from NVML and from {@code /sys}, and is left out where they are missing. A device's id is
 * {@code gpu:} and the beginning of its UUID. Its memory is what is free of it, less a sixteenth of
 * the whole for the driver's own use and for the room that computing takes.
 *
 * <p>Attributes that NVIDIA's driver for dynamic resource allocation in Kubernetes publishes have
 * the names and values that it gives them: {@code addressingMode}, {@code architecture}, {@code
 * brand}, {@code cudaComputeCapability}, {@code cudaDriverVersion}, {@code driverVersion}, {@code
 * memory} (in bytes), {@code pcieBusID}, {@code productName}, {@code
 * resource.kubernetes.io/pcieRoot}, {@code type} ({@code gpu} or {@code mig}), {@code uuid}, and of
 * MIG instances {@code copyEngines}, {@code multiprocessors}, {@code parentUUID} and {@code
 * profile}. Further ones: {@code numa.node}, {@code nvlink.links}, {@code nvlink.peers} (PCI
 * addresses), {@code pcie.generation}, {@code pcie.width}, {@code peers} (ids of devices whose
 * memory it reaches by itself) and {@code processes} (that have a context on it).
 *
 * <p>How they fare is what a {@link HealthWatch} tells, by the stock policy: a suspect device is
 * well again after a minute without another error.
 *
 * <p>Stateless; usable from any thread.
 */
public final class CudaDeviceProvider implements DeviceProvider {
  private static final Duration QUIET = Duration.ofMinutes(1);

  private final Supplier<DriverSearch.Outcome> driver;
  private final Supplier<Nvml.Outcome> nvml;
  private final PciFiles files;
  private final Supplier<CuFileSearch.Outcome> cuFile;

  /** Looks at this machine. */
  public CudaDeviceProvider() {
    this(
        DriverSearch::system,
        Nvml::system,
        new PciFiles(Path.of("/")),
        () -> CuFileSearch.system(Path.of("/")));
  }

  /**
   * Looks at what these libraries and files say; cuFile's library is looked for beside the
   * driver's.
   *
   * @param cuda the driver's library
   * @param nvml the management library
   * @param root where {@code sys} and {@code proc} are
   */
  public CudaDeviceProvider(Path cuda, Path nvml, Path root) {
    this(
        () -> DriverSearch.at(cuda),
        () -> Nvml.at(nvml),
        new PciFiles(root),
        () -> CuFileSearch.at(cuda.resolveSibling(CuFileSearch.LIBRARY), root));
  }

  private CudaDeviceProvider(
      Supplier<DriverSearch.Outcome> driver,
      Supplier<Nvml.Outcome> nvml,
      PciFiles files,
      Supplier<CuFileSearch.Outcome> cuFile) {
    this.driver = driver;
    this.nvml = nvml;
    this.files = files;
    this.cuFile = cuFile;
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public Discovery discover() {
    if (!CudaDeviceProvider.class.getModule().isNativeAccessEnabled()) {
      return new Discovery(
          List.of(),
          "not looked for: the JVM lets dev.serval.gpu not call native code; it would with"
              + " --enable-native-access=dev.serval.gpu (or ALL-UNNAMED on the class path)");
    }
    DriverSearch.Outcome outcome = driver.get();
    return outcome instanceof DriverSearch.Found(CudaDriver found)
        ? discover(found)
        : new Discovery(List.of(), ((DriverSearch.Absent) outcome).finding());
  }

  @Override
  public Optional<DeviceWatch> watch(InstantSource clock) {
    if (!CudaDeviceProvider.class.getModule().isNativeAccessEnabled()) {
      return Optional.empty();
    }
    HealthWatch.Settings settings =
        new HealthWatch.Settings(XidPolicy.stock(), QUIET, clock, HealthListener.NONE);
    return HealthWatch.open(nvml.get(), settings).map(watch -> watch);
  }

  private Discovery discover(CudaDriver found) {
    Nvml.Outcome outcome = nvml.get();
    if (!(outcome instanceof Nvml.Found(Nvml library))) {
      return discovery(
          found,
          new DeviceFacts(found, null, files),
          "without free memory, NVLinks, processes and health, for "
              + ((Nvml.Absent) outcome).finding());
    }
    try (library) {
      DeviceFacts facts = new DeviceFacts(found, library, files);
      long known = library.devices().count();
      return discovery(found, facts, "NVML knows %s of this machine".formatted(count(known)));
    }
  }

  private Discovery discovery(CudaDriver found, DeviceFacts facts, String management) {
    try {
      List<CudaDevice> visible = found.devices();
      List<CudaDevice> alive = visible.stream().filter(device -> !facts.lost(device)).toList();
      List<Device> devices = facts.devices(alive);
      return new Discovery(
          devices,
          "%s%s: %s of CUDA %s (%s); %s; %s"
              .formatted(
                  count(visible.size()),
                  lost(visible.size() - alive.size()),
                  found.library(),
                  found.version(),
                  facts.driverVersion(),
                  management,
                  cuFile.get().finding()));
    } catch (DriverException e) {
      return new Discovery(List.of(), found + " does not tell its devices: " + e.getMessage());
    }
  }

  private static String lost(int devices) {
    return devices == 0 ? "" : ", " + devices + " of which lost or waiting for a reset";
  }

  private static String count(long devices) {
    return devices == 1 ? "1 device" : devices + " devices";
  }
}

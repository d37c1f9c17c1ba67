package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.blas.BlasSearch;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.file.CuFileSearch;
import dev.serval.gpu.transfer.DataPath;
import dev.serval.gpu.transfer.TransferOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Opens backends on NVIDIA GPUs, by way of their driver alone. There is one sort of kernels: a wish
 * for kinds that a processor has can only be met where it leaves the choice.
 */
public final class CudaBackendProvider implements ComputeBackendProvider {
  private static final String UUID = "uuid";
  private static final Path ROOT = Path.of("/");

  private final Supplier<DriverSearch.Outcome> search;
  private final Supplier<CuFileSearch.Outcome> files;
  private final boolean portable;
  private final @Nullable CublasWish cublas;

  /** For the service loader: the system's driver, and each device's best instructions. */
  public CudaBackendProvider() {
    this(DriverSearch::system, () -> CuFileSearch.system(ROOT), false, null);
  }

  /**
   * By a driver's library somewhere else, with cuFile's looked for beside it.
   *
   * @param library the library
   */
  public CudaBackendProvider(Path library) {
    this(
        () -> DriverSearch.at(library),
        () -> CuFileSearch.at(library.resolveSibling(CuFileSearch.LIBRARY), ROOT),
        false,
        null);
  }

  private CudaBackendProvider(
      Supplier<DriverSearch.Outcome> search,
      Supplier<CuFileSearch.Outcome> files,
      boolean portable,
      @Nullable CublasWish cublas) {
    this.search = search;
    this.files = files;
    this.portable = portable;
    this.cublas = cublas;
  }

  /**
   * A provider that finds the driver otherwise.
   *
   * @param search asked each time a backend is opened
   * @return the provider
   */
  static CudaBackendProvider on(Supplier<DriverSearch.Outcome> search) {
    return new CudaBackendProvider(search, () -> CuFileSearch.system(ROOT), false, null);
  }

  /**
   * A provider whose backends multiply by the instructions that every device has, and so compute
   * the same on all of them.
   *
   * @return the provider
   */
  public CudaBackendProvider portable() {
    return new CudaBackendProvider(search, files, true, cublas);
  }

  /**
   * A provider whose backends multiply many tokens at once by NVIDIA's cuBLASLt where it is found,
   * which then keeps BF16 weights a second time. It gives a row other bits in other company: a
   * prompt's answer may depend on what was computed beside it, as it never does otherwise.
   *
   * @return the provider
   */
  public CudaBackendProvider withCublas() {
    return withCublas(BlasSearch::system, CublasWish.MANY_TOKENS);
  }

  /**
   * A provider that finds cuBLASLt otherwise.
   *
   * @param library asked each time a backend is opened
   * @param leastTokens how many tokens it multiplies at least
   * @return the provider
   */
  CudaBackendProvider withCublas(Supplier<BlasSearch.Outcome> library, int leastTokens) {
    return new CudaBackendProvider(search, files, portable, new CublasWish(library, leastTokens));
  }

  /**
   * A provider that looks for cuFile otherwise.
   *
   * @param library asked each time a backend is opened
   * @return the provider
   */
  CudaBackendProvider withFiles(Supplier<CuFileSearch.Outcome> library) {
    return new CudaBackendProvider(search, library, portable, cublas);
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public boolean supports(Device device) {
    return device.kind() == DeviceKind.GPU && device.attributes().containsKey(UUID);
  }

  /** Without the second copy that cuBLASLt has for as many weights as there is room for. */
  @Override
  public Bytes footprint(Device device, ComputeOptions options, List<List<StoredTensor>> weights) {
    return Bytes.of(weights.stream().mapToLong(WeightLoader::bytes).reduce(0, Math::addExact));
  }

  @Override
  public ComputeBackend open(Device device, ComputeOptions options, NativeMemory memory) {
    if (!supports(device)) {
      throw new IllegalArgumentException(
          "the cuda backend runs on NVIDIA GPUs, not on %s, a %s"
              .formatted(device.id(), device.kind()));
    }
    if (options.kernels() instanceof KernelPreference.Require(var kind)) {
      throw new ConfigurationException(
          List.of(
              "kernels: %s ones are required, which are a processor's; %s has one sort of its own"
                  .formatted(kind, device.id())));
    }
    CudaDriver driver = driver(device);
    CudaDevice found = find(device, driver);
    KernelImage image = image(found);
    return CudaBackend.open(device, memory, dataPath(device.id(), driver, found), image, cublas);
  }

  /** Whatever is free now may be taken; of pinned memory what bringing weights takes. */
  private DataPath dataPath(String id, CudaDriver driver, CudaDevice device) {
    TransferOptions options = TransferOptions.DEFAULTS;
    try (Context context = device.context()) {
      DataPath.Limits limits = new DataPath.Limits(context.freeMemory(), options.pinned());
      return DataPath.open(id, device, limits, driver.copiesInBatches(), options, files.get());
    }
  }

  private KernelImage image(CudaDevice device) {
    return KernelImage.of(device, portable);
  }

  private static CudaDevice find(Device device, CudaDriver driver) {
    String uuid = device.attributes().getOrDefault(UUID, "");
    return driver.devices().stream()
        .filter(each -> uuid.endsWith(each.uuid().toString()))
        .findFirst()
        .orElseThrow(() ->
            new ConfigurationException(
                List.of("device: the driver no longer has %s (%s)".formatted(device.id(), uuid))));
  }

  private CudaDriver driver(Device device) {
    return switch (search.get()) {
      case DriverSearch.Found(CudaDriver driver) -> driver;
      case DriverSearch.Absent(String finding) ->
          throw new ConfigurationException(
              List.of("device: %s cannot be used: %s".formatted(device.id(), finding)));
    };
  }
}

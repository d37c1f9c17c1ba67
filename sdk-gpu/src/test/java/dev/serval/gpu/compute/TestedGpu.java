package dev.serval.gpu.compute;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.gpu.blas.BlasSearch;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.standin.StandIn;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A GPU for tests: this machine's if it has one, else the stand-in, which runs the same kernels on
 * the processor. To be registered as a static field.
 */
final class TestedGpu
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  private static final Optional<CudaDriver> REAL = real();

  private final StandIn standIn;

  TestedGpu(String... settings) {
    standIn = StandIn.with(settings);
  }

  private static Optional<CudaDriver> real() {
    return DriverSearch.system() instanceof DriverSearch.Found(CudaDriver driver)
            && !driver.devices().isEmpty()
        ? Optional.of(driver)
        : Optional.empty();
  }

  /** Whether this is a GPU of silicon. */
  static boolean isReal() {
    return REAL.isPresent();
  }

  /** The stand-in, where there is no GPU. */
  StandIn standIn() {
    return standIn;
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    if (REAL.isEmpty()) {
      standIn.beforeAll(context);
      standIn.projectKernels();
    }
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    if (REAL.isEmpty()) {
      standIn.beforeEach(context);
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (REAL.isEmpty()) {
      standIn.afterEach(context);
    }
  }

  @Override
  public void afterAll(ExtensionContext context) {
    if (REAL.isEmpty()) {
      standIn.afterAll(context);
    }
  }

  private DriverSearch.Outcome search() {
    return REAL.<DriverSearch.Outcome>map(DriverSearch.Found::new)
        .orElseGet(() -> DriverSearch.at(standIn.library()));
  }

  CudaBackendProvider provider() {
    return CudaBackendProvider.on(this::search);
  }

  /** With cuBLASLt, or the stand-in for it, for steps of so many tokens and more. */
  ComputeBackendProvider withCublas(int leastTokens) {
    return withCublas(
        REAL.isPresent()
            ? BlasSearch::system
            : () -> BlasSearch.at(standIn.library().resolveSibling("libcublasLt.so.13")),
        leastTokens);
  }

  ComputeBackendProvider withCublas(Supplier<BlasSearch.Outcome> library, int leastTokens) {
    return provider().withCublas(library, leastTokens);
  }

  CudaDevice cudaDevice() {
    return search() instanceof DriverSearch.Found(CudaDriver driver)
        ? driver.devices().getFirst()
        : null;
  }

  Device device() {
    CudaDevice first = cudaDevice();
    return new Device(
        "gpu:0",
        DeviceKind.GPU,
        first.name(),
        first.memory(),
        new TreeMap<>(Map.of("uuid", "GPU-" + first.uuid())));
  }
}

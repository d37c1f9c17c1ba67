package dev.serval.gpu.compute;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.testkit.ComputeBackendContract;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The contract with every product by the stand-in for cuBLASLt. */
final class CublasBackendContractTest extends ComputeBackendContract {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=2g", "capability=8.0");

  @BeforeEach
  void on_the_stand_in() {
    assumeFalse(TestedGpu.isReal(), "cuBLASLt itself gives a row other bits in other company");
  }

  @Override
  protected ComputeBackendProvider provider() {
    return GPU.withCublas(1);
  }

  @Override
  protected Device device() {
    return GPU.device();
  }

  @Override
  protected double tolerance() {
    return 0x1p-8;
  }
}

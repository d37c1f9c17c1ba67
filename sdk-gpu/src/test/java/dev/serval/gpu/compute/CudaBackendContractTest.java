package dev.serval.gpu.compute;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.testkit.ComputeBackendContract;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Inputs of products with BF16 weights, queries and weights of attention are rounded to BF16. */
final class CudaBackendContractTest extends ComputeBackendContract {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=2g", "capability=8.0");

  @Override
  protected ComputeBackendProvider provider() {
    return GPU.provider();
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

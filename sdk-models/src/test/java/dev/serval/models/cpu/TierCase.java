package dev.serval.models.cpu;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.NativeMemory;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;

/** A backend of one tier, and random numbers. */
abstract class TierCase {
  static final long SEED = 20261123;

  final Random random = new Random(SEED);
  final KernelKind kernels;
  final ComputeBackend backend;
  final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));

  TierCase(KernelKind kernels) {
    this.kernels = kernels;
    backend =
        new CpuBackendProvider()
            .open(
                CpuBackendContractTest.CPU,
                ComputeOptions.of(2).withKernels(KernelPreference.require(kernels)),
                memory);
  }

  @AfterEach
  void close() {
    backend.close();
    memory.close();
  }
}

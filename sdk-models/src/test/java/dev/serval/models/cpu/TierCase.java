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
public abstract class TierCase {
  protected static final long SEED = 20261123;

  protected final Random random = new Random(SEED);
  protected final KernelKind kernels;
  protected final ComputeBackend backend;
  protected final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));

  protected TierCase(KernelKind kernels) {
    this.kernels = kernels;
    backend =
        new CpuBackendProvider()
            .open(
                Tiers.CPU,
                ComputeOptions.of(2).withKernels(KernelPreference.require(kernels)),
                memory);
  }

  @AfterEach
  protected final void close() {
    backend.close();
    memory.close();
  }
}

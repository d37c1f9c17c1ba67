package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.device.Device;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.system.Processor;
import dev.serval.testkit.ComputeBackendContract;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;

/** Vectors as for a processor that looks ahead far enough by itself. */
class VectorBackendContractTest extends ComputeBackendContract {
  @BeforeAll
  static void where_there_are_vectors() {
    assumeThat(Tiers.here()).contains(KernelKind.VECTOR);
  }

  Processor processor() {
    return new Processor(Set.of("avx512f"));
  }

  @Override
  protected ComputeBackendProvider provider() {
    return new CpuBackendProvider(List.of(new VectorTierSource(processor())), Processor.here());
  }

  @Override
  protected Device device() {
    return Tiers.CPU;
  }
}

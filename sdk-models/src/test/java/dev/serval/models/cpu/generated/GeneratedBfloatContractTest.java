package dev.serval.models.cpu.generated;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.testkit.ComputeBackendContract;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;

/** Generated code with dot products of BF16, which round their inputs. */
final class GeneratedBfloatContractTest extends ComputeBackendContract {
  private static final KernelTierSource TIER =
      new GeneratedTierSource(List.of(new PlainTierSource()), Processor.here());

  @BeforeAll
  static void where_there_are_dot_products() {
    Tiers.assumeBfloatDots(TIER);
  }

  @Override
  protected double tolerance() {
    return 0x1p-8;
  }

  @Override
  protected ComputeBackendProvider provider() {
    return new CpuBackendProvider(List.of(TIER), Processor.here());
  }

  @Override
  protected Device device() {
    return Tiers.CPU;
  }
}

package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.testkit.ComputeBackendContract;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Generated code, without dot products of BF16: those round their inputs. */
final class GeneratedBackendContractTest extends ComputeBackendContract {
  private static final Processor PROCESSOR = processor();
  private static final KernelTierSource TIER =
      new GeneratedTierSource(List.of(new PlainTierSource()), PROCESSOR);

  private static Processor processor() {
    Set<String> features = new HashSet<>(Processor.here().features());
    features.remove("avx512_bf16");
    return new Processor(features);
  }

  @BeforeAll
  static void code_can_be_generated() {
    assumeTrue(TIER.missing(PROCESSOR).isEmpty(), () -> TIER.missing(PROCESSOR).orElseThrow());
  }

  @Override
  protected ComputeBackendProvider provider() {
    return new CpuBackendProvider(List.of(TIER), PROCESSOR);
  }

  @Override
  protected Device device() {
    return Tiers.CPU;
  }

  @Test
  void a_processor_without_the_instructions_is_refused_in_a_clause() {
    assertThat(TIER.missing(new Processor(Set.of("avx2", "sse4_2"))))
        .hasValue("the processor has no fma, f16c");
  }
}

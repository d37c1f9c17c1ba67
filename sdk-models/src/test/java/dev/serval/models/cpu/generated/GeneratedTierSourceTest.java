package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTier;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class GeneratedTierSourceTest {
  private static final Processor WITHOUT_TILES =
      with("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16");
  private static final Processor WITH_TILES =
      with("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16");

  @BeforeEach
  void requireThatCodeMayBeGenerated() {
    assumeTrue(tier(WITHOUT_TILES, true).missing(WITHOUT_TILES).isEmpty());
  }

  private static Processor with(String... features) {
    Set<String> all = new HashSet<>(InstructionSet.base());
    all.addAll(List.of(features));
    return new Processor(all);
  }

  private static GeneratedTierSource tier(Processor processor, boolean granted) {
    return new GeneratedTierSource(
        List.of(new VectorTierSource(processor)), processor, () -> granted);
  }

  @Test
  void tile_registers_are_used_where_the_system_grants_them() {
    KernelTier opened = tier(WITH_TILES, true).open(1);
    assertThat(opened.name()).contains("AMX");
    assertThat(opened.numerics().value()).contains("-amx-bf16");
  }

  @Test
  void a_process_that_is_refused_them_computes_as_a_processor_without_them_does() {
    KernelTier refused = tier(WITH_TILES, false).open(1);
    KernelTier without = tier(WITHOUT_TILES, false).open(1);
    assertThat(refused.name()).isEqualTo(without.name()).doesNotContain("AMX");
    assertThat(refused.numerics()).isEqualTo(without.numerics());
  }

  @Test
  void a_processor_without_them_is_not_asked_for_them() {
    KernelTier opened =
        new GeneratedTierSource(
                List.of(new VectorTierSource(Processor.here())),
                WITHOUT_TILES,
                () -> {
                  throw new AssertionError("asked");
                })
            .open(1);
    assertThat(opened.name()).contains("AVX-512 with VNNI and BF16");
  }
}

package dev.serval.models.cpu.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.ConfigurationException;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class KernelChoiceTest {
  private static final List<KernelTierSource> TIERS =
      List.of(
          new Tier(KernelKind.GENERATED, "avx512_vnni"),
          new Tier(KernelKind.VECTOR, "avx2"),
          new PlainTierSource());

  private record Tier(KernelKind kind, String feature) implements KernelTierSource {
    @Override
    public Optional<String> missing(Processor processor) {
      return processor.without(feature).stream().findFirst().map("the processor has no "::concat);
    }

    @Override
    public long packedBytes(StoredRows rows) {
      throw new AssertionError("only chosen, never asked");
    }

    @Override
    public KernelTier open(int workers) {
      throw new AssertionError("only chosen, never opened");
    }
  }

  private static KernelChoice choose(KernelPreference wish, String... features) {
    return KernelChoice.among(TIERS, wish, new Processor(Set.of(features)));
  }

  @Test
  void the_fastest_that_the_processor_can_run_is_taken_and_the_reason_is_said() {
    KernelChoice both = choose(KernelPreference.best(), "avx512_vnni", "avx2");
    assertThat(both.source().kind()).isEqualTo(KernelKind.GENERATED);
    assertThat(both.reason()).isEqualTo("the fastest there is");
    KernelChoice older = choose(KernelPreference.best(), "avx2");
    assertThat(older.source().kind()).isEqualTo(KernelKind.VECTOR);
    assertThat(older.reason()).isEqualTo("not generated (the processor has no avx512_vnni)");
    assertThat(choose(KernelPreference.best()).source().kind()).isEqualTo(KernelKind.PLAIN);
  }

  @Test
  void what_is_refused_is_passed_over() {
    KernelPreference wish = KernelPreference.without(KernelKind.GENERATED);
    KernelChoice choice = choose(wish, "avx512_vnni", "avx2");
    assertThat(choice.source().kind()).isEqualTo(KernelKind.VECTOR);
    assertThat(choice.reason()).isEqualTo("not generated (refused)");
  }

  @Test
  void what_is_refused_or_slower_than_required_is_not_missed() {
    assertThat(KernelChoice.allows(KernelPreference.best(), KernelKind.VECTOR)).isTrue();
    assertThat(
            KernelChoice.allows(KernelPreference.require(KernelKind.GENERATED), KernelKind.VECTOR))
        .isTrue();
    assertThat(KernelChoice.allows(KernelPreference.without(KernelKind.VECTOR), KernelKind.VECTOR))
        .isFalse();
    assertThat(KernelChoice.allows(KernelPreference.require(KernelKind.PLAIN), KernelKind.VECTOR))
        .isFalse();
  }

  @Test
  void what_is_required_is_taken_even_if_slower() {
    KernelChoice choice = choose(KernelPreference.require(KernelKind.PLAIN), "avx512_vnni", "avx2");
    assertThat(choice.source().kind()).isEqualTo(KernelKind.PLAIN);
    assertThat(choice.reason()).isEqualTo("required");
  }

  @Test
  void what_is_required_and_cannot_be_had_is_an_error_that_says_what_is_missing() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> choose(KernelPreference.require(KernelKind.VECTOR), "sse2"))
        .withMessage("kernels: vector ones are required, but the processor has no avx2");
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> choose(KernelPreference.without(KernelKind.PLAIN), "sse2"))
        .withMessage(
            "kernels: none are left: generated (the processor has no avx512_vnni), "
                + "vector (the processor has no avx2), plain (refused)");
  }
}

package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class KernelPreferenceTest {
  @Test
  void a_preference_is_written_as_best_as_a_kind_or_as_kinds_that_are_refused() {
    assertThat(KernelPreference.parse("best")).isEqualTo(KernelPreference.best());
    assertThat(KernelPreference.parse("Vector"))
        .isEqualTo(KernelPreference.require(KernelKind.VECTOR));
    assertThat(KernelPreference.parse("no-generated,no-vector"))
        .isEqualTo(KernelPreference.without(KernelKind.GENERATED, KernelKind.VECTOR));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "fast", "no-", "no-fast", "vector,plain", "no-vector,plain"})
  void anything_else_is_refused_with_what_there_is(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelPreference.parse(text))
        .withMessageContainingAll("'" + text + "'", "best", "plain", "vector", "generated");
  }

  @Test
  void something_must_be_left() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelPreference.without(KernelKind.values()));
  }
}

package dev.serval.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class BytesTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "1K, 1024",
    "512MiB, 536870912",
    "512 mb, 536870912",
    "1.5G, 1610612736",
    "2TiB, 2199023255552",
    "7B, 7"
  })
  void what_a_person_writes_is_read_in_powers_of_1024(String text, long bytes) {
    assertThat(Bytes.parse(text)).isEqualTo(Bytes.of(bytes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "G", "-1", "1..5G", "1P", "one", "0x10", "1e3", "NaN"})
  void what_is_no_amount_is_refused_with_the_text(String text) {
    assertThatThrownBy(() -> Bytes.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "'")
        .hasMessageContaining("512MiB");
  }

  @Test
  void what_cannot_be_addressed_is_refused() {
    assertThatThrownBy(() -> Bytes.parse("9999999999G")).hasMessageContaining("addressed");
    assertThatThrownBy(() -> Bytes.gibi(1L << 40)).isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> Bytes.of(Long.MAX_VALUE).plus(Bytes.of(1)))
        .isInstanceOf(ArithmeticException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1 KiB",
    "1536, 1.5 KiB",
    "536870912, 512 MiB",
    "1610612736, 1.5 GiB",
    "9223372036854775807, 8388608 TiB"
  })
  void amounts_show_in_the_largest_unit_that_fits(long bytes, String text) {
    assertThat(Bytes.of(bytes)).hasToString(text);
  }
}

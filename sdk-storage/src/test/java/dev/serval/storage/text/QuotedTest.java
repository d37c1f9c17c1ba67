package dev.serval.storage.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class QuotedTest {
  @Test
  void ordinary_text_stays_as_it_is() {
    assertThat(Quoted.of("model.norm.weight")).isEqualTo("'model.norm.weight'");
    assertThat(Quoted.of("größe 重み 𝔘")).isEqualTo("'größe 重み 𝔘'");
  }

  @Test
  void what_would_disturb_a_terminal_or_a_log_is_shown_by_number() {
    assertThat(Quoted.of("a\r\nb")).isEqualTo("'a\\u{d}\\u{a}b'");
    assertThat(Quoted.of("\u001b[2J\u202e\ud800\u2028"))
        .isEqualTo("'\\u{1b}[2J\\u{202e}\\u{d800}\\u{2028}'");
  }

  @Test
  void long_text_is_cut_between_characters() {
    assertThat(Quoted.of("𝔘".repeat(161))).isEqualTo("'" + "𝔘".repeat(160) + "…'");
    assertThat(Quoted.of("x".repeat(160))).isEqualTo("'" + "x".repeat(160) + "'");
  }
}

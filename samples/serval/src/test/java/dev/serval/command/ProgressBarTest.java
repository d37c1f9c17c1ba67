package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class ProgressBarTest {
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
  private final AtomicLong clock = new AtomicLong();

  @Test
  void work_that_lasts_shows_how_far_it_is_and_leaves_no_trace() {
    try (ProgressBar bar = bar(Set.of("err"))) {
      after(500);
      bar.progress("weights", 3, 12);
    }

    assertThat(shown.toString(StandardCharsets.UTF_8))
        .isEqualTo("\r\033[Kweights [" + "#".repeat(7) + " ".repeat(23) + "]  25%\r\033[K");
  }

  @Test
  void work_of_a_moment_shows_nothing() {
    try (ProgressBar bar = bar(Set.of("err"))) {
      after(200);
      bar.progress("weights", 12, 12);
    }

    assertThat(shown.size()).isZero();
  }

  @Test
  void a_bar_is_drawn_ten_times_a_second_at_most() {
    try (ProgressBar bar = bar(Set.of("err"))) {
      after(500);
      bar.progress("weights", 1, 12);
      after(50);
      bar.progress("weights", 2, 12);
      after(60);
      bar.progress("weights", 3, 12);
    }

    assertThat(shown.toString(StandardCharsets.UTF_8))
        .contains("  8%", " 25%")
        .doesNotContain("16%");
  }

  @Test
  void nothing_is_drawn_where_there_is_no_terminal() {
    try (ProgressBar bar = bar(Set.of("out"))) {
      after(500);
      bar.progress("weights", 1, 12);
    }

    assertThat(shown.size()).isZero();
  }

  private void after(long millis) {
    clock.addAndGet(millis * 1_000_000);
  }

  private ProgressBar bar(Set<String> terminals) {
    PrintStream out = new PrintStream(shown, true, StandardCharsets.UTF_8);
    return new ProgressBar(
        new Console(new BufferedReader(Reader.nullReader()), out, out, terminals), clock::get);
  }
}

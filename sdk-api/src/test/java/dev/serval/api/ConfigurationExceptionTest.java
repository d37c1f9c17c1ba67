package dev.serval.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class ConfigurationExceptionTest {
  @Test
  void one_problem_is_the_message() {
    assertThat(new ConfigurationException(List.of("threads is at least 1, not 0")))
        .hasMessage("threads is at least 1, not 0");
  }

  @Test
  void several_problems_are_numbered() {
    assertThat(new ConfigurationException(List.of("a is wrong", "b is wrong")))
        .hasMessage("2 options cannot be honoured:\n  1. a is wrong\n  2. b is wrong");
  }
}

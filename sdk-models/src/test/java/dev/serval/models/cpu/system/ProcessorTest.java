package dev.serval.models.cpu.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ProcessorTest {
  @Test
  void features_are_those_of_the_first_processor_in_the_report(@TempDir Path folder)
      throws IOException {
    Path report = Files.writeString(folder.resolve("cpuinfo"), "model\t: 1\nflags\t\t: fpu avx2\n");
    assertThat(Processor.read(report).features()).containsExactlyInAnyOrder("fpu", "avx2");
    assertThat(Processor.read(folder.resolve("none")).features()).isEmpty();
    assertThat(Processor.read(report).without("avx512f", "avx2", "fma"))
        .containsExactly("avx512f", "fma");
  }
}

package dev.serval.gpu.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.gpu.standin.HostKernels;
import dev.serval.gpu.standin.NativeBuild;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The kernels on the processor; {@code src/test/cuda/run} runs the same cases on a GPU. */
class KernelsTest {
  private static final String RESOURCES = "/dev/serval/gpu/kernels/";
  private static final Path BUILD = Path.of("src", "main", "cuda", "build").toAbsolutePath();

  @BeforeEach
  void compiler() {
    assumeTrue(NativeBuild.possible(), "there is no g++");
  }

  @Test
  void each_kernel_does_what_its_reference_does_and_a_row_has_the_same_bits_in_any_company()
      throws IOException, InterruptedException {
    run("1");
  }

  @Tag("slow")
  @Test
  void many_more_shapes_go_well_too() throws IOException, InterruptedException {
    run("2");
  }

  private static void run(String effort) throws IOException, InterruptedException {
    String seed = Long.toString(new Random().nextLong() >>> 1);
    Outcome outcome = outcome(HostKernels.cases().toString(), "", seed, effort);
    assertThat(outcome.status()).as(outcome.output()).isZero();
  }

  @Test
  void the_list_of_kernels_is_that_of_the_sources() throws IOException, InterruptedException {
    Outcome table = outcome(HostKernels.cases().toString(), "--table");
    try (InputStream list = resource("kernels.txt")) {
      String listed = new String(list.readAllBytes(), StandardCharsets.US_ASCII);
      assertThat(listed).isEqualTo(table.output());
    }
  }

  @Test
  void drivers_from_cuda_12_on_take_the_ptx() throws IOException {
    assertThat(version("compute_80.ptx.gz")).isEqualTo("7.4");
    assertThat(version("compute_90a.ptx.gz")).isEqualTo("8.0");
  }

  private static String version(String ptx) throws IOException {
    try (InputStream text = new GZIPInputStream(resource(ptx))) {
      Optional<String> line =
          new String(text.readAllBytes(), StandardCharsets.US_ASCII)
              .lines()
              .filter(each -> each.startsWith(".version "))
              .findFirst();
      return line.orElseThrow().substring(".version ".length());
    }
  }

  @Tag("slow")
  @Test
  void the_binaries_are_what_the_sources_give() throws IOException, InterruptedException {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/local/cuda/bin/nvcc"))
            || outcome("sh", "-c", "command -v nvcc").status() == 0,
        "there is no nvcc");
    Outcome check = outcome(BUILD.toString(), "--check");
    assertThat(check.status()).as(check.output()).isZero();
  }

  private static InputStream resource(String name) {
    InputStream stream = KernelsTest.class.getResourceAsStream(RESOURCES + name);
    assertThat(stream).as(name).isNotNull();
    return stream;
  }

  private record Outcome(int status, String output) {}

  private static Outcome outcome(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return new Outcome(process.exitValue(), output);
  }
}

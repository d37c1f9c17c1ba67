package dev.serval.gpu.standin;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Kernel;
import dev.serval.gpu.driver.Module;
import dev.serval.gpu.driver.Stream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The project's own images and kernels on the stand-in. */
class ProjectKernelsTest {
  private static final int COUNT = 20_000;
  private static final int THREADS = 256;

  @RegisterExtension final StandIn machine = StandIn.with("memory=1g");

  @BeforeEach
  void kernels() {
    machine.projectKernels();
  }

  private Context context() {
    DriverSearch.Outcome outcome = DriverSearch.at(machine.library());
    Context context = ((DriverSearch.Found) outcome).driver().devices().getFirst().context();
    context.attach();
    return context;
  }

  private static byte[] image(String name) throws IOException {
    try (InputStream file =
        new GZIPInputStream(
            ProjectKernelsTest.class.getResourceAsStream(
                "/dev/serval/gpu/kernels/" + name + ".gz"))) {
      return file.readAllBytes();
    }
  }

  private static Kernel widen(
      Module module, Arena arena, DeviceMemory source, DeviceMemory target, int count) {
    Kernel widen = module.function("widen_bf16").kernel(24, arena);
    widen.arguments().set(JAVA_LONG, 0, source.address());
    widen.arguments().set(JAVA_LONG, 8, target.address());
    widen.arguments().set(JAVA_INT, 16, count);
    return widen.block(THREADS, 1, 1).grid(Math.ceilDiv(count, THREADS), 1, 1);
  }

  @ParameterizedTest
  @CsvSource({"8.0, sm_80.cubin", "9.0, sm_90a.cubin", "12.0, sm_120.cubin", "8.9, compute_80.ptx"})
  void every_image_runs_on_its_device(String capability, String image) throws IOException {
    machine.configure("memory=1g", "capability=" + capability);
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(image(image));
        DeviceMemory source = context.allocate(COUNT * 2L);
        DeviceMemory target = context.allocate(COUNT * 4L);
        HostMemory host = context.allocateHost(COUNT * 4L);
        Arena arena = Arena.ofConfined()) {
      stream.fillWords(source.address(), 0x3fc0_3fc0, COUNT / 2);
      widen(module, arena, source, target, COUNT).launch(stream);
      stream.copyToHost(host.segment().address(), target.address(), COUNT * 4L);
      stream.synchronize();

      assertThat(host.segment().toArray(JAVA_FLOAT)).containsOnly(1.5f);
    }
  }

  @Test
  void an_image_of_another_device_is_refused() throws IOException {
    machine.configure("capability=8.6");
    byte[] image = image("sm_90a.cubin");
    try (Context context = context()) {
      assertThatThrownBy(() -> context.module(image))
          .hasMessageContaining("CUDA_ERROR_NO_BINARY_FOR_GPU");
    }
  }

  @Test
  void a_block_that_reaches_past_its_memory_breaks_the_context_whichever_thread_runs_it()
      throws IOException {
    byte[] image = image("sm_90a.cubin");
    for (int i = 0; i < 5; i++) {
      try (Context context = context();
          Stream stream = context.stream();
          Module module = context.module(image);
          DeviceMemory source = context.allocate(COUNT * 2L);
          DeviceMemory target = context.allocate(COUNT * 2L);
          Arena arena = Arena.ofConfined()) {
        widen(module, arena, source, target, COUNT).launch(stream);

        assertThatThrownBy(stream::synchronize)
            .isInstanceOf(DeviceLostException.class)
            .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
        assertThat(machine.takeViolations())
            .singleElement()
            .asString()
            .startsWith("widen_bf16 on stream")
            .contains("past the end of device memory #");
      }
      assertThat(machine.takeViolations()).allMatch(this::tellsOfTheOthersWrites);
    }
  }

  /**
   * Another thread's block may have written just behind the memory, which is seen as it is freed.
   */
  private boolean tellsOfTheOthersWrites(String violation) {
    return violation.startsWith("something was written past the end of device memory #");
  }
}

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
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.ExecutableGraph;
import dev.serval.gpu.driver.Graph;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Kernel;
import dev.serval.gpu.driver.Module;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Kernels and graphs on the stand-in. */
class StandInKernelsTest {
  private static final byte[] IMAGE =
      image("8.0", "sm_80", "standin_append", "standin_scale", "standin_spin", "standin_nowhere");

  @RegisterExtension
  final StandIn machine = StandIn.with("memory=1g", "capability=8.0", "driver=12080");

  @BeforeEach
  void kernels() {
    machine.kernels(StandInLibrary.testKernels());
  }

  private static byte[] image(String version, String target, String... kernels) {
    StringBuilder text = new StringBuilder();
    text.append(".version ").append(version).append("\n.target ").append(target).append('\n');
    text.append(".address_size 64\n");
    for (String kernel : kernels) {
      text.append(".visible .entry ").append(kernel).append("(.param .b8 p[24])\n{ ret; }\n");
    }
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private Context context() {
    DriverSearch.Outcome outcome = DriverSearch.at(machine.library());
    assertThat(outcome).isInstanceOf(DriverSearch.Found.class);
    Context context = ((DriverSearch.Found) outcome).driver().devices().getFirst().context();
    context.attach();
    return context;
  }

  @Test
  void a_kernel_runs_with_the_arguments_as_they_were_at_its_launch() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory device = context.allocate(4 * Float.BYTES);
        HostMemory host = context.allocateHost(4 * Float.BYTES);
        Arena arena = Arena.ofConfined()) {
      stream.fillWords(device.address(), Float.floatToIntBits(1.5f), 4);
      Kernel scale = scale(module, arena, device, 2);
      scale.launch(stream);
      scale.arguments().set(JAVA_FLOAT, 16, 100);
      stream.copyToHost(host.segment().address(), device.address(), 16);
      stream.synchronize();

      assertThat(host.segment().toArray(JAVA_FLOAT)).containsOnly(3f);
    }
  }

  private static Kernel scale(Module module, Arena arena, DeviceMemory device, float factor) {
    Kernel scale = module.function("standin_scale").kernel(24, arena);
    scale.arguments().set(JAVA_LONG, 0, device.address());
    scale.arguments().set(JAVA_LONG, 8, 4);
    scale.arguments().set(JAVA_FLOAT, 16, factor);
    return scale;
  }

  @Test
  void a_kernel_that_reaches_past_its_memory_breaks_the_context_and_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory device = context.allocate(4 * Float.BYTES);
        Arena arena = Arena.ofConfined()) {
      Kernel scale = scale(module, arena, device, 2);
      scale.arguments().set(JAVA_LONG, 8, 100_000);
      scale.launch(stream);

      assertThatThrownBy(stream::synchronize)
          .isInstanceOf(DeviceLostException.class)
          .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .startsWith("standin_scale on stream")
          .contains("past the end of device memory #");
    }
  }

  @Test
  void memory_released_under_a_kernel_is_a_violation() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        Arena arena = Arena.ofConfined()) {
      DeviceMemory device = context.allocate(4 * Float.BYTES);
      scale(module, arena, device, 2).launch(stream);
      device.close();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .endsWith("does not wait for standin_scale, which uses it");
    }
  }

  @Test
  void a_shape_beyond_the_limits_is_refused() {
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory device = context.allocate(16);
        Arena arena = Arena.ofConfined()) {
      Kernel scale = scale(module, arena, device, 2);

      assertThatThrownBy(() -> scale.block(2048, 1, 1).launch(stream))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
      assertThatThrownBy(() -> scale.block(1, 1, 1).grid(1, 65_536, 1).launch(stream))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
      scale.grid(1, 1, 1);
      assertThatThrownBy(() -> scale.shared(49_153).launch(stream))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
      module.function("standin_scale").allowShared(160 << 10);
      scale.shared(160 << 10).launch(stream);
      stream.synchronize();
    }
  }

  @Test
  void images_of_other_devices_and_newer_drivers_are_refused() {
    try (Context context = context()) {
      assertThatThrownBy(() -> context.module(image("8.0", "sm_90", "standin_scale")))
          .hasMessageContaining("CUDA_ERROR_INVALID_PTX");
      assertThatThrownBy(() -> context.module(image("9.0", "sm_80", "standin_scale")))
          .hasMessageContaining("CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
    }
  }

  @Test
  void a_kernel_that_is_not_in_the_image_is_not_found() {
    try (Context context = context();
        Module module = context.module(image("8.0", "sm_80", "standin_scale_all"))) {
      assertThatThrownBy(() -> module.function("standin_scale"))
          .hasMessageContaining("CUDA_ERROR_NOT_FOUND");
    }
  }

  @Test
  void a_kernel_without_a_build_for_the_host_is_a_violation() {
    try (Context context = context();
        Module module = context.module(IMAGE)) {
      assertThatThrownBy(() -> module.function("standin_nowhere"))
          .hasMessageContaining("CUDA_ERROR_NOT_FOUND");
      assertThat(machine.takeViolations()).hasSize(1);
    }
  }

  @Test
  void a_kernel_fails_when_told_to_and_everything_after_it() {
    machine.failNext("kernel standin_scale", StandIn.LAUNCH_FAILED);
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory device = context.allocate(16);
        Arena arena = Arena.ofConfined()) {
      scale(module, arena, device, 2).launch(stream);

      assertThatThrownBy(stream::synchronize)
          .isInstanceOf(DeviceLostException.class)
          .hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
      assertThatThrownBy(context::event).isInstanceOf(DeviceLostException.class);
    }
  }

  @Test
  void a_graph_replays_what_was_captured_in_order() {
    machine.delayUntilWaited(9);
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory list = context.allocate(1024);
        HostMemory host = context.allocateHost(1024);
        Arena arena = Arena.ofConfined()) {
      stream.fillWords(list.address(), 0, 256);
      Kernel append = append(module, arena, list);
      Graph graph =
          stream.capture(() -> {
            for (int i = 1; i <= 5; i++) {
              append.arguments().set(JAVA_INT, 8, i);
              append.launch(stream);
            }
          });
      assertThat(graph.size()).isEqualTo(5);
      ExecutableGraph executable = graph.instantiate();
      graph.close();
      append.arguments().set(JAVA_INT, 8, 77);
      executable.launch(stream);
      executable.launch(stream);
      stream.copyToHost(host.segment().address(), list.address(), 1024);
      stream.synchronize();
      executable.close();

      assertThat(host.segment().asSlice(0, 44).toArray(JAVA_INT))
          .containsExactly(10, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5);
    }
  }

  private static Kernel append(Module module, Arena arena, DeviceMemory list) {
    Kernel append = module.function("standin_append").kernel(16, arena);
    append.arguments().set(JAVA_LONG, 0, list.address());
    return append;
  }

  @Test
  void a_capture_follows_events_to_other_streams() {
    for (int seed = 0; seed < 20; seed++) {
      machine.delayUntilWaited(seed);
      try (Context context = context();
          Stream stream = context.stream();
          Stream other = context.stream();
          Event forked = context.event();
          Event joined = context.event();
          Module module = context.module(IMAGE);
          DeviceMemory list = context.allocate(1024);
          HostMemory host = context.allocateHost(1024);
          Arena arena = Arena.ofConfined()) {
        stream.fillWords(list.address(), 0, 256);
        Kernel append = append(module, arena, list);
        Graph graph =
            stream.capture(() -> {
              append.arguments().set(JAVA_INT, 8, 1);
              append.launch(stream);
              stream.record(forked);
              other.waitFor(forked);
              append.arguments().set(JAVA_INT, 8, 2);
              append.launch(other);
              other.record(joined);
              stream.waitFor(joined);
              append.arguments().set(JAVA_INT, 8, 3);
              append.launch(stream);
            });
        ExecutableGraph executable = graph.instantiate();
        executable.launch(stream);
        stream.copyToHost(host.segment().address(), list.address(), 1024);
        stream.synchronize();

        assertThat(host.segment().asSlice(0, 16).toArray(JAVA_INT)).containsExactly(3, 1, 2, 3);
      }
    }
  }

  @Test
  void a_capture_that_loses_a_stream_is_refused() {
    try (Context context = context();
        Stream stream = context.stream();
        Stream other = context.stream();
        Event forked = context.event();
        Module module = context.module(IMAGE);
        DeviceMemory list = context.allocate(1024);
        Arena arena = Arena.ofConfined()) {
      Kernel append = append(module, arena, list);

      assertThatThrownBy(() ->
              stream.capture(() -> {
                append.launch(stream);
                stream.record(forked);
                other.waitFor(forked);
                append.launch(other);
              }))
          .hasMessageContaining("CUDA_ERROR_STREAM_CAPTURE_UNJOINED");
    }
  }

  @Test
  void an_allocation_while_capturing_is_refused() {
    try (Context context = context();
        Stream stream = context.stream()) {
      assertThatThrownBy(() -> stream.capture(() -> context.allocate(16)))
          .hasMessageContaining("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED");
    }
  }

  @Test
  void a_graph_takes_over_anothers_arguments() {
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        DeviceMemory list = context.allocate(1024);
        HostMemory host = context.allocateHost(1024);
        Arena arena = Arena.ofConfined()) {
      stream.fillWords(list.address(), 0, 256);
      Kernel append = append(module, arena, list);
      append.arguments().set(JAVA_INT, 8, 1);
      Graph one = stream.capture(() -> append.launch(stream));
      append.arguments().set(JAVA_INT, 8, 2);
      Graph two = stream.capture(() -> append.launch(stream));
      Graph longer =
          stream.capture(() -> {
            append.launch(stream);
            append.launch(stream);
          });
      ExecutableGraph executable = one.instantiate();
      executable.launch(stream);
      assertThat(executable.update(two)).isTrue();
      assertThat(executable.update(longer)).isFalse();
      executable.launch(stream);
      stream.copyToHost(host.segment().address(), list.address(), 1024);
      stream.synchronize();

      assertThat(host.segment().asSlice(0, 12).toArray(JAVA_INT)).containsExactly(2, 1, 2);
    }
  }

  @Test
  void a_graph_that_uses_released_memory_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        Module module = context.module(IMAGE);
        Arena arena = Arena.ofConfined()) {
      DeviceMemory list = context.allocate(1024);
      Kernel append = append(module, arena, list);
      ExecutableGraph executable = stream.capture(() -> append.launch(stream)).instantiate();
      list.close();

      assertThatThrownBy(() -> executable.launch(stream)).isInstanceOf(DeviceLostException.class);
      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .contains("released after the graph was made");
    }
  }
}

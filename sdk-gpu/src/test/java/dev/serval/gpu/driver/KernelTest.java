package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.ThreadMeter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class KernelTest {
  private static final long BYTES = 1 << 20;
  private static final int WARM_UP = 20_000;
  private static final int MEASURED = 2_000;
  private static final int ROUNDS = 20;

  @RegisterExtension final StandIn machine = StandIn.with("memory=1g");

  private final Arena arena = Arena.ofConfined();
  private Context context;
  private Stream stream;
  private Module module;
  private DeviceMemory list;
  private Kernel append;

  @BeforeEach
  void aListOnTheDeviceAndAKernelThatAppends() {
    context = Machine.context(machine);
    stream = context.stream();
    module = Machine.kernels(machine, context);
    list = context.allocate(BYTES);
    stream.fillWords(list.address(), 0, BYTES / Integer.BYTES);
    append = module.function("standin_append").kernel(16, arena);
    append.arguments().set(JAVA_LONG, 0, list.address());
  }

  @AfterEach
  void close() {
    context.close();
    arena.close();
  }

  @Test
  void every_launch_reads_its_parameter_as_it_is_then() {
    machine.delayUntilWaited(1);
    for (int value = 3; value <= 5; value++) {
      append(value);
    }

    assertThat(appended()).containsExactly(3, 4, 5);
  }

  @Test
  void a_launch_is_one_call_of_the_driver_and_allocates_nothing() {
    ThreadMeter meter = new ThreadMeter();
    for (int i = 0; i < WARM_UP; i++) {
      append(1);
    }
    stream.synchronize();
    long launches = machine.calls("cuLaunchKernelEx");
    long allocated = Long.MAX_VALUE;
    int rounds = 0;
    for (; rounds < ROUNDS && allocated > 0; rounds++) {
      long before = meter.allocatedBytes();
      for (int i = 0; i < MEASURED; i++) {
        append(1);
      }
      allocated = meter.allocatedBytes() - before;
    }
    stream.synchronize();

    assertThat(allocated).isZero();
    assertThat(machine.calls("cuLaunchKernelEx") - launches).isEqualTo((long) rounds * MEASURED);
    assertThat(machine.calls("cuCtxPushCurrent")).isLessThan(50);
  }

  @Test
  void copies_marks_and_waits_allocate_nothing_either() {
    ThreadMeter meter = new ThreadMeter();
    HostMemory host = context.allocateHost(BYTES);
    MemoryPool pool = context.pool(0);
    Event event = context.event();
    CopyBatch batch = new CopyBatch(4, arena);
    long allocated = Long.MAX_VALUE;
    long before = meter.allocatedBytes();
    boolean reached = true;
    boolean idle = false;
    for (int i = 0; i < ROUNDS * MEASURED && allocated >= MEASURED; i++) {
      long memory = pool.allocate(4096, stream);
      stream.copyToDevice(memory, host.segment().address(), 64);
      stream.copyToHost(host.segment().address(), memory, 64);
      stream.fill(memory, (byte) 0, 64);
      batch.clear();
      batch.add(memory, host.segment().address(), 64);
      stream.copy(batch);
      stream.record(event);
      stream.waitFor(event);
      event.await();
      reached &= event.reached();
      idle |= stream.idle();
      pool.free(memory, stream);
      if (i % MEASURED == MEASURED - 1) {
        allocated = meter.allocatedBytes() - before;
        before = meter.allocatedBytes();
      }
    }

    assertThat(reached && idle).isTrue();
    assertThat(allocated).isLessThan(MEASURED);
  }

  @Test
  void a_launch_that_is_refused_names_the_kernel_and_its_shape() {
    append.block(2048, 1, 1);

    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(() -> append.launch(stream))
        .withMessageContaining("cuLaunchKernelEx failed with CUDA_ERROR_INVALID_VALUE (1): ")
        .withMessageContaining("the kernel is standin_append, grid 1 x 1 x 1, block 2048 x 1 x 1");
  }

  @Test
  void a_structure_of_another_size_than_the_kernel_takes_is_refused() {
    assertThatThrownBy(() -> module.function("standin_append").kernel(24, arena))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the kernel standin_append takes a structure of 16 bytes, not of 24");
  }

  @Test
  void a_kernel_that_is_not_there_is_named() {
    assertThatThrownBy(() -> module.function("standin_prepend"))
        .hasMessageContaining("CUDA_ERROR_NOT_FOUND")
        .hasMessageContaining("the kernel asked for is standin_prepend");
  }

  @Test
  void a_kernel_of_a_closed_module_is_not_launched() {
    module.close();

    assertThatThrownBy(() -> append.launch(stream))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("this Module of the context of CUDA device 0 is closed");
  }

  @Test
  void what_was_recorded_is_done_at_every_launch_of_the_record() {
    Graph graph =
        stream.capture(() -> {
          append(1);
          append(2);
        });
    ExecutableGraph executable = graph.instantiate();
    executable.launch(stream);
    executable.launch(stream);

    assertThat(graph.size()).isEqualTo(2);
    assertThat(appended()).containsExactly(1, 2, 1, 2);
  }

  @Test
  void a_record_takes_over_the_parameters_of_another_of_the_same_steps() {
    ExecutableGraph executable = stream.capture(() -> append(1)).instantiate();

    assertThat(executable.update(stream.capture(() -> append(7)))).isTrue();
    executable.launch(stream);
    assertThat(appended()).containsExactly(7);
  }

  @Test
  void a_record_of_other_steps_is_not_taken_over() {
    ExecutableGraph executable = stream.capture(() -> append(1)).instantiate();
    Graph longer =
        stream.capture(() -> {
          append(8);
          append(9);
        });

    assertThat(executable.update(longer)).isFalse();
    executable.launch(stream);
    assertThat(appended()).containsExactly(1);
  }

  @Test
  void a_stream_that_failed_to_record_can_be_used_again() {
    IllegalStateException reason = new IllegalStateException("no more");

    assertThatThrownBy(() ->
            stream.capture(() -> {
              append(1);
              throw reason;
            }))
        .isSameAs(reason);
    append(2);
    assertThat(appended()).containsExactly(2);
  }

  private void append(int value) {
    append.arguments().set(JAVA_INT, 8, value);
    append.launch(stream);
  }

  private int[] appended() {
    stream.synchronize();
    MemorySegment seen = arena.allocate(BYTES);
    machine.peek(list.address(), seen);
    int length = seen.get(JAVA_INT, 0);
    return seen.asSlice(Integer.BYTES, (long) length * Integer.BYTES).toArray(JAVA_INT);
  }
}

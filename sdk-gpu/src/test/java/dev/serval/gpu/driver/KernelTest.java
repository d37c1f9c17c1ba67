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
  void everyLaunchReadsItsParameterAsItIsThen() {
    machine.delayUntilWaited(1);
    for (int value = 3; value <= 5; value++) {
      append(value);
    }

    assertThat(appended()).containsExactly(3, 4, 5);
  }

  @Test
  void aLaunchIsOneCallOfTheDriverAndAllocatesNothing() {
    ThreadMeter meter = new ThreadMeter();
    for (int i = 0; i < WARM_UP; i++) {
      append(1);
    }
    stream.synchronize();
    long launches = machine.calls("cuLaunchKernelEx");
    long before = meter.allocatedBytes();
    long nothing = meter.allocatedBytes() - before;
    before = meter.allocatedBytes();
    for (int i = 0; i < MEASURED; i++) {
      append(1);
    }
    long allocated = meter.allocatedBytes() - before - nothing;
    stream.synchronize();

    assertThat(allocated).isZero();
    assertThat(machine.calls("cuLaunchKernelEx") - launches).isEqualTo(MEASURED);
    assertThat(machine.calls("cuCtxPushCurrent")).isLessThan(50);
  }

  @Test
  void copiesMarksAndWaitsAllocateNothingEither() {
    ThreadMeter meter = new ThreadMeter();
    HostMemory host = context.allocateHost(BYTES);
    MemoryPool pool = context.pool(0);
    Event event = context.event();
    CopyBatch batch = new CopyBatch(4, arena);
    long before = 0;
    boolean reached = true;
    boolean idle = false;
    for (int i = 0; i < WARM_UP + MEASURED; i++) {
      if (i == WARM_UP) {
        before = meter.allocatedBytes();
      }
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
    }

    long allocated = meter.allocatedBytes() - before;
    assertThat(reached && idle).isTrue();
    assertThat(allocated).isLessThan(MEASURED);
  }

  @Test
  void aLaunchThatIsRefusedNamesTheKernelAndItsShape() {
    append.block(2048, 1, 1);

    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(() -> append.launch(stream))
        .withMessageContaining("cuLaunchKernelEx failed with CUDA_ERROR_INVALID_VALUE (1): ")
        .withMessageContaining("the kernel is standin_append, grid 1 x 1 x 1, block 2048 x 1 x 1");
  }

  @Test
  void aStructureOfAnotherSizeThanTheKernelTakesIsRefused() {
    assertThatThrownBy(() -> module.function("standin_append").kernel(24, arena))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the kernel standin_append takes a structure of 16 bytes, not of 24");
  }

  @Test
  void aKernelThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> module.function("standin_prepend"))
        .hasMessageContaining("CUDA_ERROR_NOT_FOUND")
        .hasMessageContaining("the kernel asked for is standin_prepend");
  }

  @Test
  void aKernelOfAClosedModuleIsNotLaunched() {
    module.close();

    assertThatThrownBy(() -> append.launch(stream))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("this Module of the context of CUDA device 0 is closed");
  }

  @Test
  void whatWasRecordedIsDoneAtEveryLaunchOfTheRecord() {
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
  void aRecordTakesOverTheParametersOfAnotherOfTheSameSteps() {
    ExecutableGraph executable = stream.capture(() -> append(1)).instantiate();

    assertThat(executable.update(stream.capture(() -> append(7)))).isTrue();
    executable.launch(stream);
    assertThat(appended()).containsExactly(7);
  }

  @Test
  void aRecordOfOtherStepsIsNotTakenOver() {
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
  void aStreamThatFailedToRecordCanBeUsedAgain() {
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

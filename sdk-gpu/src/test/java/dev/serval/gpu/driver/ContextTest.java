package dev.serval.gpu.driver;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.gpu.standin.StandIn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ContextTest {
  private static final long BYTES = 64 << 10;
  private static final int INVALID_HANDLE = 400;

  @RegisterExtension final StandIn machine = StandIn.with("memory=1g", "capability=9.0");

  @Test
  void closing_a_context_waits_for_its_work_and_closes_what_is_left_the_newest_first() {
    Context context = Machine.context(machine);
    Stream stream = context.stream();
    HostMemory host = context.allocateHost(BYTES);
    DeviceMemory device = context.allocate(BYTES);
    MemoryPool pool = context.pool(0);
    machine.delayUntilWaited(1);
    stream.copyToDevice(device.address(), host.segment().address(), BYTES);
    pool.free(pool.allocate(BYTES, stream), stream);
    context.event();

    context.close();

    assertThat(machine.pending()).isZero();
    assertThat(machine.leaks()).isEmpty();
    assertThatThrownBy(stream::address).hasMessageContaining("this Stream of");
    assertThatThrownBy(() -> host.segment().fill((byte) 1)).hasMessageContaining("closed");
  }

  @Test
  void closing_again_does_nothing() {
    Context context = Machine.context(machine);
    Stream stream = context.stream();

    stream.close();
    stream.close();
    context.close();
    context.close();

    assertThat(machine.calls("cuStreamDestroy")).isOne();
    assertThat(machine.calls("cuDevicePrimaryCtxRelease")).isOne();
  }

  @Test
  void what_cannot_be_closed_does_not_keep_the_rest_open() {
    Context context = Machine.context(machine);
    context.stream();
    context.allocate(BYTES);
    context.event();
    machine.failNext("cuEventDestroy", INVALID_HANDLE);
    machine.failNext("cuMemFree", INVALID_HANDLE);

    assertThatExceptionOfType(DriverException.class)
        .isThrownBy(context::close)
        .withMessageContaining("cuEventDestroy failed with CUDA_ERROR_INVALID_HANDLE")
        .satisfies(failure ->
            assertThat(failure.getSuppressed())
                .singleElement()
                .asString()
                .contains("cuMemFree failed"));
    assertThat(machine.calls("cuStreamDestroy")).isOne();
    assertThat(machine.calls("cuDevicePrimaryCtxRelease")).isOne();
    assertThat(machine.takeViolations()).singleElement().asString().contains("leak");
  }

  @Test
  void a_context_that_cannot_even_be_entered_is_closed() {
    Context context = Machine.context(machine);
    context.stream();
    machine.fail("cuCtxPushCurrent", 0, -1, StandIn.ECC_UNCORRECTABLE);

    context.close();

    assertThat(context.lost()).isPresent();
    assertThat(machine.calls("cuDevicePrimaryCtxRelease")).isOne();
    assertThat(machine.takeViolations()).singleElement().asString().contains("leak");
  }

  @Test
  void nothing_is_made_in_a_closed_context() {
    Context context = Machine.context(machine);
    context.close();

    assertThatThrownBy(context::stream).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void making_and_closing_handles_leaves_the_threads_own_context() {
    try (Context context = Machine.driver(machine).devices().getFirst().context();
        Stream stream = context.stream()) {
      assertThatExceptionOfType(DriverException.class)
          .isThrownBy(() -> stream.fill(1, (byte) 0, 1))
          .withMessageContaining("CUDA_ERROR_INVALID_CONTEXT")
          .withMessageContaining("is the calling thread attached to a context?");
    }
  }

  @Test
  void a_full_device_says_how_much_was_asked_for_and_how_much_is_left() {
    try (Context context = Machine.context(machine)) {
      context.allocate(512 << 20);

      assertThatExceptionOfType(OutOfDeviceMemoryException.class)
          .isThrownBy(() -> context.allocate(900 << 20))
          .withMessageContaining("cuMemAlloc failed with CUDA_ERROR_OUT_OF_MEMORY (2)")
          .withMessageContaining("900 MiB were asked for, and CUDA device 0 has");
      assertThat(context.lost()).isEmpty();
    }
  }

  @Test
  void a_full_pool_says_what_it_has() {
    try (Context context = Machine.context(machine);
        Stream stream = context.stream();
        MemoryPool pool = context.pool(0)) {
      long memory = pool.allocate(256 << 20, stream);

      assertThatExceptionOfType(OutOfDeviceMemoryException.class)
          .isThrownBy(() -> pool.allocate(900 << 20, stream))
          .withMessageContaining("900 MiB were asked for; the pool has 256 MiB, of which 256 MiB");
      pool.free(memory, stream);
      stream.synchronize();
      pool.trim(0);
      assertThat(pool.reserved().count()).isZero();
    }
  }

  @Test
  void a_lost_device_is_an_error_of_its_own_and_its_handles_can_still_be_closed() {
    Context context = Machine.context(machine);
    Stream stream = context.stream();
    DeviceMemory device = context.allocate(BYTES);
    context.event();
    machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);

    DeviceLostException lost = catchThrowableOfType(DeviceLostException.class, stream::synchronize);

    assertThat(lost.function()).isEqualTo("cuStreamSynchronize");
    assertThat(lost.codeName()).isEqualTo("CUDA_ERROR_ECC_UNCORRECTABLE");
    assertThat(context.lost()).containsSame(lost);
    device.close();
    context.close();
    try (Context next = Machine.context(machine);
        Stream works = next.stream()) {
      works.synchronize();
      assertThat(next.lost()).isEmpty();
    }
  }

  @Test
  void a_device_that_is_lost_unnoticed_is_no_error_of_closing() {
    Context context = Machine.context(machine);
    context.stream();
    machine.breakContexts(0, StandIn.ILLEGAL_ADDRESS);

    context.close();

    assertThat(context.lost()).isPresent();
  }

  @Test
  void an_event_is_reached_when_what_was_given_before_is_done() {
    try (Context context = Machine.context(machine);
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES);
        Event begin = context.timedEvent();
        Event end = context.timedEvent()) {
      machine.slow(stream.address(), 300_000);
      stream.record(begin);
      stream.fill(device.address(), (byte) 1, BYTES);
      stream.record(end);
      assertThat(end.reached()).isFalse();
      assertThat(stream.idle()).isFalse();

      end.await();

      assertThat(end.reached()).isTrue();
      assertThat(begin.until(end)).isBetween(Duration.ofNanos(1), Duration.ofSeconds(5));
    }
  }

  @Test
  void memory_of_the_host_is_pinned_for_as_long_as_is_wished() {
    try (Context context = Machine.context(machine);
        Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(BYTES, 4096);
      try (PinnedSegment pinned = context.pin(memory)) {
        assertThat(pinned.segment()).isSameAs(memory);
        assertThat(machine.leaks()).isNotEmpty();
      }
      assertThat(machine.calls("cuMemHostUnregister")).isOne();
    }
  }

  @Test
  void an_image_that_does_not_suit_the_device_is_refused() {
    try (Context context = Machine.context(machine)) {
      byte[] image =
          new String(Machine.IMAGE, US_ASCII).replace("sm_80", "sm_120").getBytes(US_ASCII);

      assertThatExceptionOfType(DriverException.class)
          .isThrownBy(() -> context.module(image))
          .withMessageContaining("cuModuleLoadDataEx failed with CUDA_ERROR_INVALID_PTX");
    }
  }

  @Test
  void a_device_tells_what_it_is() {
    CudaDevice device = Machine.driver(machine).devices().getFirst();

    assertThat(device.capability()).isEqualTo(90);
    assertThat(device.memory().count()).isEqualTo(1L << 30);
    assertThat(device.pciAddress()).matches("[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-9]");
    assertThat(device.name()).isNotBlank();
    assertThat(device.attribute(DeviceAttribute.MAX_THREADS_PER_BLOCK)).isEqualTo(1024);
  }
}

package dev.serval.gpu.standin;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CopyBatch;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.MemoryPool;
import dev.serval.gpu.driver.OutOfDeviceMemoryException;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the stand-in does for who keeps the driver's rules, and what it says to who breaks them. */
class StandInTest {
  private static final long BYTES = 64 << 10;

  @RegisterExtension final StandIn machine = StandIn.with("memory=1g");

  // ---- memory

  @Test
  void what_is_copied_there_and_back_is_the_same() {
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory there = context.allocateHost(BYTES);
        HostMemory back = context.allocateHost(BYTES);
        DeviceMemory device = context.allocate(BYTES)) {
      fill(there, 7);
      stream.copyToDevice(device.address(), there.segment().address(), BYTES);
      stream.copyToHost(back.segment().address(), device.address(), BYTES);
      stream.synchronize();

      assertThat(back.segment().mismatch(there.segment())).isEqualTo(-1);
    }
  }

  @Test
  void fresh_memory_holds_what_is_no_number() {
    try (Context context = context();
        DeviceMemory device = context.allocate(BYTES);
        Arena arena = Arena.ofConfined()) {
      MemorySegment seen = arena.allocate(BYTES);
      machine.peek(device.address(), seen);

      assertThat(seen.get(JAVA_FLOAT, 0)).isNaN();
      assertThat(seen.get(JAVA_FLOAT, BYTES - 4)).isNaN();
    }
  }

  @Test
  void
      a_thread_of_the_host_faults_on_memory_of_the_device_where_the_processor_has_protection_keys() {
    try (Context context = context();
        DeviceMemory device = context.allocate(BYTES)) {
      assertThat(machine.faults(device.address())).isEqualTo(machine.guardsDeviceMemory());
    }
  }

  @Test
  void released_memory_faults() {
    try (Context context = context()) {
      HostMemory host = context.allocateHost(BYTES);
      long address = host.segment().address();

      assertThat(machine.faults(address)).isFalse();
      host.close();
      assertThat(machine.faults(address)).isTrue();
    }
  }

  @Test
  void memory_is_limited() {
    try (Context context = context();
        DeviceMemory most = context.allocate(1000L << 20)) {
      assertThat(most.bytes()).isEqualTo(1000L << 20);
      assertThatThrownBy(() -> context.allocate(100L << 20))
          .isInstanceOf(OutOfDeviceMemoryException.class);
    }
  }

  // ---- what is wrong, and seen

  @Test
  void pinned_memory_released_under_a_copy_is_a_violation() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES)) {
      HostMemory host = context.allocateHost(BYTES);
      stream.copyToDevice(device.address(), host.segment().address(), BYTES);
      host.close();
      stream.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .startsWith("cuMemFreeHost releases pinned memory #")
          .endsWith("does not wait for cuMemcpyHtoDAsync, which uses it");
    }
  }

  @Test
  void device_memory_released_under_a_copy_is_a_violation() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory host = context.allocateHost(BYTES)) {
      DeviceMemory device = context.allocate(BYTES);
      stream.copyToHost(host.segment().address(), device.address(), BYTES);
      device.close();
      stream.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .startsWith("cuMemFree releases device memory #")
          .endsWith("does not wait for cuMemcpyDtoHAsync, which uses it");
    }
  }

  @Test
  void a_copy_from_released_memory_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory host = context.allocateHost(BYTES)) {
      DeviceMemory device = context.allocate(BYTES);
      long address = device.address();
      device.close();

      assertThatThrownBy(() -> stream.copyToHost(host.segment().address(), address, BYTES))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .contains("which cuMemFree has released");
    }
  }

  @Test
  void an_asynchronous_copy_of_memory_that_is_not_pinned_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES);
        Arena arena = Arena.ofConfined()) {
      stream.copyToDevice(device.address(), arena.allocate(BYTES).address(), BYTES);
      stream.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .contains("in memory of the host that is not pinned");
    }
  }

  @Test
  void a_copy_past_the_end_of_a_block_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory host = context.allocateHost(BYTES);
        DeviceMemory device = context.allocate(BYTES - 1)) {
      assertThatThrownBy(
              () -> stream.copyToDevice(device.address(), host.segment().address(), BYTES))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");

      assertThat(machine.takeViolations()).hasSize(1);
    }
  }

  @Test
  void what_is_left_when_a_context_goes_is_a_violation() {
    Context context = context();
    long address = allocateBehindTheBack();
    context.close();

    assertThat(machine.takeViolations())
        .singleElement()
        .asString()
        .startsWith("leak at the release of the context of device 0")
        .contains(Long.toHexString(address));
  }

  @Test
  void memory_given_back_twice_is_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        MemoryPool pool = context.pool(0)) {
      long memory = pool.allocate(BYTES, stream);
      pool.free(memory, stream);

      assertThatThrownBy(() -> pool.free(memory, stream))
          .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
      assertThat(machine.takeViolations()).hasSize(1);
    }
  }

  @Test
  void a_pools_memory_used_on_a_stream_that_did_not_wait_for_it_is_a_violation() {
    try (Context context = context();
        Stream first = context.stream();
        Stream second = context.stream();
        MemoryPool pool = context.pool(0)) {
      long memory = pool.allocate(BYTES, first);
      second.fill(memory, (byte) 0, BYTES);
      second.synchronize();
      pool.free(memory, first);
      first.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .contains("on a stream that does not wait for its allocation");
    }
  }

  @Test
  void a_pools_memory_given_back_on_a_stream_that_did_not_wait_for_its_use_is_a_violation() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream first = context.stream();
        Stream second = context.stream();
        Event given = context.event();
        MemoryPool pool = context.pool(0)) {
      long memory = pool.allocate(BYTES, first);
      first.record(given);
      second.waitFor(given);
      second.fill(memory, (byte) 0, BYTES);
      pool.free(memory, first);
      first.synchronize();
      second.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .startsWith("cuMemFreeAsync releases pooled device memory #");
    }
  }

  @Test
  void who_waits_for_uses_may_give_a_pools_memory_back() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream first = context.stream();
        Stream second = context.stream();
        Event given = context.event();
        Event used = context.event();
        MemoryPool pool = context.pool(0)) {
      long memory = pool.allocate(BYTES, first);
      first.record(given);
      second.waitFor(given);
      second.fill(memory, (byte) 0, BYTES);
      second.record(used);
      first.waitFor(used);
      pool.free(memory, first);
      first.synchronize();

      assertThat(machine.violations()).isZero();
      assertThat(pool.used().count()).isZero();
    }
  }

  @Test
  void a_part_that_a_pool_took_back_under_a_copy_is_a_violation() {
    machine.delayUntilWaited(1);
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory host = context.allocateHost(BYTES);
        DeviceMemory device = context.allocate(BYTES)) {
      stream.copyToDevice(device.address(), host.segment().address(), 100);
      machine.returned(host.segment().address() + 99, 10);
      machine.lent(host.segment().address() + 99, 10);
      stream.synchronize();

      assertThat(machine.takeViolations())
          .singleElement()
          .asString()
          .contains("was given back without waiting for cuMemcpyHtoDAsync");
    }
  }

  // ---- order and time

  @Test
  void nothing_is_executed_before_somebody_waits() {
    machine.delayUntilWaited(3);
    machine.configure("memory=1g", "idleMillis=100000");
    machine.delayUntilWaited(3);
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(4);
        HostMemory host = context.allocateHost(4)) {
      host.segment().set(JAVA_INT, 0, 5);
      stream.copyToDevice(device.address(), host.segment().address(), 4);
      host.segment().set(JAVA_INT, 0, 6);
      stream.copyToHost(host.segment().address(), device.address(), 4);

      assertThat(machine.pending()).isEqualTo(2);
      assertThat(host.segment().get(JAVA_INT, 0)).isEqualTo(6);
      stream.synchronize();
      assertThat(host.segment().get(JAVA_INT, 0)).as("read when executed").isEqualTo(6);
    }
  }

  @Test
  void a_stream_waits_for_anothers_event() {
    for (int seed = 0; seed < 50; seed++) {
      machine.delayUntilWaited(seed);
      try (Context context = context();
          Stream first = context.stream();
          Stream second = context.stream();
          Event filled = context.event();
          DeviceMemory device = context.allocate(4);
          HostMemory host = context.allocateHost(4)) {
        first.fillWords(device.address(), seed, 1);
        first.record(filled);
        second.waitFor(filled);
        second.copyToHost(host.segment().address(), device.address(), 4);
        second.synchronize();

        assertThat(host.segment().get(JAVA_INT, 0)).isEqualTo(seed);
      }
    }
  }

  @Test
  void a_forgotten_wait_shows_in_some_order_and_is_a_violation_in_every() {
    boolean stale = false;
    for (int seed = 0; seed < 50; seed++) {
      machine.delayUntilWaited(seed);
      try (Context context = context();
          Stream first = context.stream();
          Stream second = context.stream();
          DeviceMemory device = context.allocate(4);
          HostMemory host = context.allocateHost(4)) {
        first.fillWords(device.address(), seed, 1);
        second.copyToHost(host.segment().address(), device.address(), 4);
        second.synchronize();

        stale |= host.segment().get(JAVA_INT, 0) != seed;
        first.synchronize();
        assertThat(machine.takeViolations())
            .singleElement()
            .asString()
            .contains("that cuMemsetD32Async writes, and neither waits for the other");
      }
    }

    assertThat(stale).isTrue();
  }

  @Test
  void a_release_that_happened_to_come_late_enough_is_a_violation_all_the_same()
      throws InterruptedException {
    try (Context context = context();
        Stream stream = context.stream();
        HostMemory host = context.allocateHost(BYTES)) {
      DeviceMemory device = context.allocate(BYTES);
      stream.copyToDevice(device.address(), host.segment().address(), BYTES);
      while (machine.pending() > 0) {
        Thread.onSpinWait();
      }
      device.close();
      stream.synchronize();

      assertThat(machine.takeViolations()).hasSize(1);
    }
  }

  @Test
  void a_copy_may_be_released_once_an_event_was_seen() {
    machine.delayUntilWaited(5);
    try (Context context = context();
        Stream stream = context.stream();
        Event done = context.event();
        HostMemory host = context.allocateHost(BYTES)) {
      DeviceMemory device = context.allocate(BYTES);
      stream.copyToDevice(device.address(), host.segment().address(), BYTES);
      stream.record(done);
      while (!done.reached()) {
        Thread.onSpinWait();
      }
      device.close();

      assertThat(machine.violations()).isZero();
    }
  }

  @Test
  void copies_of_a_batch_that_overlap_are_a_violation() {
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES);
        HostMemory host = context.allocateHost(BYTES);
        Arena arena = Arena.ofConfined()) {
      CopyBatch batch = new CopyBatch(2, arena);
      batch.add(device.address(), host.segment().address(), 100);
      batch.add(device.address() + 99, host.segment().address() + 200, 100);
      stream.copy(batch);
      stream.synchronize();

      assertThat(machine.takeViolations()).hasSize(1);
    }
  }

  @Test
  void copies_of_a_batch_are_made_in_one_call() {
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES);
        HostMemory host = context.allocateHost(BYTES);
        HostMemory back = context.allocateHost(BYTES);
        Arena arena = Arena.ofConfined()) {
      fill(host, 3);
      CopyBatch batch = new CopyBatch(16, arena);
      for (int i = 0; i < 16; i++) {
        long offset = i * BYTES / 16;
        batch.add(device.address() + offset, host.segment().address() + offset, BYTES / 16);
      }
      stream.copy(batch);
      stream.copyToHost(back.segment().address(), device.address(), BYTES);
      stream.synchronize();

      assertThat(back.segment().mismatch(host.segment())).isEqualTo(-1);
      assertThat(machine.calls("cuMemcpyBatchAsync")).isEqualTo(1);
    }
  }

  // ---- errors on demand

  @Test
  void an_allocation_fails_when_told_to() {
    machine.fail("cuMemAlloc", 1, 1, StandIn.OUT_OF_MEMORY);
    try (Context context = context();
        DeviceMemory first = context.allocate(BYTES)) {
      assertThat(first.bytes()).isEqualTo(BYTES);
      assertThatThrownBy(() -> context.allocate(BYTES))
          .isInstanceOf(OutOfDeviceMemoryException.class);
      context.allocate(BYTES).close();
    }
  }

  @Test
  void a_copy_that_fails_breaks_the_context() {
    machine.failNext("copy", StandIn.ECC_UNCORRECTABLE);
    try (Context context = context();
        Stream stream = context.stream();
        DeviceMemory device = context.allocate(BYTES);
        HostMemory host = context.allocateHost(BYTES)) {
      stream.copyToDevice(device.address(), host.segment().address(), BYTES);

      assertThatThrownBy(stream::synchronize).isInstanceOf(DeviceLostException.class);
      assertThatThrownBy(() -> context.allocate(BYTES)).isInstanceOf(DeviceLostException.class);
    }
    try (Context again = context()) {
      again.allocate(BYTES).close();
    }
  }

  @Test
  void a_lost_device_fails_every_call() {
    try (Context context = context();
        Stream stream = context.stream()) {
      machine.lose(0, StandIn.UNKNOWN);

      assertThatThrownBy(stream::synchronize).hasMessageContaining("CUDA_ERROR_UNKNOWN");
      assertThatThrownBy(() -> context.allocate(BYTES)).hasMessageContaining("CUDA_ERROR_UNKNOWN");
    }
  }

  private Context context() {
    DriverSearch.Outcome outcome = DriverSearch.at(machine.library());
    assertThat(outcome).isInstanceOf(DriverSearch.Found.class);
    CudaDriver driver = ((DriverSearch.Found) outcome).driver();
    Context context = driver.devices().getFirst().context();
    context.attach();
    return context;
  }

  private long allocateBehindTheBack() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int code =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      SymbolLookup.libraryLookup(machine.library(), Arena.global())
                          .findOrThrow("cuMemAlloc_v2"),
                      FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG))
                  .invokeExact(out, BYTES);
      assertThat(code).isZero();
      return out.get(JAVA_LONG, 0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static void fill(HostMemory memory, int seed) {
    MemorySegment segment = memory.segment();
    for (long i = 0; i < segment.byteSize(); i++) {
      segment.set(JAVA_BYTE, i, (byte) (i * seed + i / 251));
    }
  }
}

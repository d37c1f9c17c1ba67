package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferBatch.State;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPath;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.gpu.TransferService;
import dev.serval.api.storage.FileRange;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link TransferService} keeps to, with the {@link RegionPool}s of its device. The
 * budgets are at least 64 MiB each.
 */
@Timeout(300)
public abstract class TransferServiceContract {
  private static final int FILE_BYTES = 3 * (1 << 20) + 777;
  private static final int ROUNDS = 20;
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir private Path folder;
  private final ThreadMeter meter = new ThreadMeter();
  private final byte[] pattern = new byte[FILE_BYTES];

  private RegionPool device = RegionPool.root("none", Bytes.ZERO, NoMemory.INSTANCE);
  private RegionPool pinned = device;
  private Bytes deviceBefore = Bytes.ZERO;
  private Bytes pinnedBefore = Bytes.ZERO;

  /** For subclasses. */
  protected TransferServiceContract() {
    new Random(4).nextBytes(pattern);
  }

  /**
   * The device's memory, for one test.
   *
   * @return an owner that nothing but the test takes memory of
   */
  protected abstract RegionPool deviceMemory();

  /**
   * The host's memory that the device reaches, for one test.
   *
   * @return an owner that nothing but the test takes memory of
   */
  protected abstract RegionPool pinnedMemory();

  /**
   * The service under test.
   *
   * @return the same one throughout a test, which the subclass closes after it
   */
  protected abstract TransferService transfers();

  /**
   * A service of its own, over the same memory.
   *
   * @return a new one, which the caller closes
   */
  protected abstract TransferService another();

  /**
   * Fails if the device has seen a use of memory that was not its to use. Called after each test.
   */
  protected void requireNoViolations() {}

  /**
   * Makes something go wrong that may go wrong at any time, now and then.
   *
   * @param random decides
   */
  protected void disturb(Random random) {}

  @BeforeEach
  final void takeMemory() {
    device = deviceMemory();
    pinned = pinnedMemory();
    deviceBefore = device.used();
    pinnedBefore = pinned.used();
  }

  @AfterEach
  final void requireOrder() {
    requireNoViolations();
  }

  private void requireNoLeak() {
    assertThat(device.used()).isEqualTo(deviceBefore);
    assertThat(pinned.used()).isEqualTo(pinnedBefore);
  }

  private static TransferBatch urgent() {
    return new TransferBatch(TransferPriority.URGENT);
  }

  private void run(TransferBatch batch) {
    transfers().submit(batch);
    await(batch);
  }

  private static void await(TransferBatch batch) {
    try {
      assertThat(batch.await(LONG)).as("the batch ends in time").isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void awaitEnd(TransferBatch batch) {
    try {
      await(batch);
    } catch (TransferException e) {
      assertThat(batch.state()).isIn(State.FAILED, State.CANCELLED);
    }
  }

  private Region filled(int bytes, int seed) {
    Region region = pinned.allocate(bytes);
    byte[] content = new byte[bytes];
    new Random(seed).nextBytes(content);
    MemorySegment.copy(content, 0, region.segment(), ValueLayout.JAVA_BYTE, 0, bytes);
    return region;
  }

  private byte[] content(Region region) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(region.size());
      run(urgent().fetch(region, 0, bytes));
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private Path file() throws IOException {
    return Files.write(folder.resolve("weights"), pattern);
  }

  private byte[] pattern(long from, long bytes) {
    return java.util.Arrays.copyOfRange(pattern, (int) from, (int) (from + bytes));
  }

  @Test
  void bytes_go_to_the_device_within_it_and_back() {
    try (Region source = filled(100_001, 1);
        Region one = device.allocate(100_001);
        Region other = device.allocate(100_001);
        Region target = pinned.allocate(100_001)) {
      run(urgent().copy(source, 0, one, 0, 100_001));
      run(urgent().copy(one, 0, other, 0, 100_001));
      TransferBatch back = urgent().copy(other, 0, target, 0, 100_001);
      run(back);
      assertThat(target.segment().mismatch(source.segment())).isEqualTo(-1);
      assertThat(back.reports())
          .singleElement()
          .satisfies(report -> {
            assertThat(report.path()).isEqualTo(TransferPath.REGION_COPY);
            assertThat(report.bytes()).isEqualTo(100_001);
            assertThat(report.copies()).isEqualTo(1);
            assertThat(report.wallNanos()).isPositive();
          });
    }
    requireNoLeak();
  }

  @Test
  void a_batch_moves_many_blocks_from_anywhere_to_anywhere() {
    int blocks = 1_500;
    int size = 1_000;
    try (Region source = filled(blocks * size, 2);
        Region onDevice = device.allocate((long) blocks * size);
        Region target = pinned.allocate((long) blocks * size)) {
      for (TransferPriority priority : TransferPriority.values()) {
        TransferBatch in = new TransferBatch(priority);
        TransferBatch out = new TransferBatch(priority);
        for (int i = 0; i < blocks; i++) {
          long there = (long) (blocks - 1 - i) * size;
          in.copy(source, (long) i * size, onDevice, there, size);
          out.copy(onDevice, there, target, (long) i * size, size);
        }
        target.segment().fill((byte) 0);
        run(in);
        run(out);
        assertThat(target.segment().mismatch(source.segment())).isEqualTo(-1);
        assertThat(out.reports())
            .extracting(TransferReport::bytes)
            .containsExactly((long) blocks * size);
      }
    }
    requireNoLeak();
  }

  @Test
  void a_batch_goes_both_ways_at_once() {
    try (Region source = filled(5_000, 3);
        Region one = device.allocate(5_000);
        Region other = device.allocate(5_000);
        Region target = pinned.allocate(5_000)) {
      run(urgent().copy(source, 0, one, 0, 5_000));
      run(urgent().copy(one, 0, target, 0, 5_000).copy(source, 0, other, 0, 5_000));
      assertThat(target.segment().mismatch(source.segment())).isEqualTo(-1);
      assertThat(content(other)).isEqualTo(content(one));
    }
  }

  @Test
  void files_go_to_the_device_from_any_offset_at_any_length() throws IOException {
    FileRange file = FileRange.of(file());
    long[][] ranges = {
      {0, FILE_BYTES},
      {0, 1},
      {1, 1},
      {4095, 2},
      {4096, 4096},
      {4097, 4095},
      {511, 70_000},
      {FILE_BYTES - 1, 1},
      {FILE_BYTES - 4097, 4097},
      {1, FILE_BYTES - 1},
      {12_345, 2_000_000}
    };
    for (long[] range : ranges) {
      for (RegionPool pool : List.of(device, pinned)) {
        try (Region target = pool.allocate(range[1] + 10)) {
          TransferBatch batch = urgent().read(file.slice(range[0], range[1]), target, 7);
          run(batch);
          assertThat(java.util.Arrays.copyOfRange(content(target), 7, (int) range[1] + 7))
              .isEqualTo(pattern(range[0], range[1]));
          requireHonest(batch, range[1]);
        }
      }
    }
    requireNoLeak();
  }

  private static void requireHonest(TransferBatch batch, long bytes) {
    assertThat(batch.reports())
        .singleElement()
        .satisfies(report -> {
          assertThat(report.path())
              .isIn(
                  TransferPath.FILE_TO_DEVICE, TransferPath.DIRECT_READ, TransferPath.CACHED_READ);
          assertThat(report.bytes()).isEqualTo(bytes);
          assertThat(report.copies()).isBetween(1.0, 3.0);
          assertThat(report.processorNanos()).isPositive();
          assertThat(report.reason().isEmpty())
              .isEqualTo(report.path() == TransferPath.FILE_TO_DEVICE);
        });
  }

  @Test
  void nothing_beside_the_target_is_touched() throws IOException {
    FileRange file = FileRange.of(file());
    for (RegionPool pool : List.of(device, pinned)) {
      try (Region target = pool.allocate(30_000);
          Arena arena = Arena.ofShared()) {
        MemorySegment marks = arena.allocate(30_000).fill((byte) 0x5A);
        run(urgent().store(marks, target, 0));
        run(urgent().read(file.slice(4_000, 9_000), target, 10_000));
        byte[] found = content(target);
        for (int i = 0; i < found.length; i++) {
          boolean within = i >= 10_000 && i < 19_000;
          assertThat(found[i]).isEqualTo(within ? pattern[4_000 + i - 10_000] : (byte) 0x5A);
        }
      }
    }
  }

  @Test
  void mapped_files_go_to_the_device_and_are_named_so() throws IOException {
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file(), StandardOpenOption.READ);
        Region target = device.allocate(FILE_BYTES - 3)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 3, FILE_BYTES - 3, arena);
      TransferBatch batch = urgent().store(mapped, target, 0);
      run(batch);
      assertThat(content(target)).isEqualTo(pattern(3, FILE_BYTES - 3));
      assertThat(batch.reports())
          .extracting(TransferReport::path)
          .containsExactly(TransferPath.STAGED_MEMORY);
      assertThat(batch.reports().getFirst().copies()).isEqualTo(2);
    }
  }

  @Test
  void a_file_that_was_cut_short_names_file_offset_and_sizes() throws IOException {
    Path path = file();
    FileRange range = FileRange.of(path);
    try (Region target = device.allocate(FILE_BYTES)) {
      TransferBatch read = urgent().read(range.slice(100, 200_000), target, 0);
      Files.write(path, pattern(0, 50_000));
      transfers().submit(read);
      assertThatThrownBy(() -> await(read))
          .isInstanceOf(TransferException.class)
          .hasMessageContaining(path.toString());
      assertThat(read.state()).isEqualTo(State.FAILED);
    }
    requireNoLeak();
  }

  @Test
  void another_file_in_its_place_is_refused() throws IOException {
    Path path = file();
    FileRange range = FileRange.of(path);
    Path other = Files.write(folder.resolve("other"), new byte[FILE_BYTES]);
    Files.setLastModifiedTime(other, range.stamp().modified());
    Files.move(other, path, StandardCopyOption.REPLACE_EXISTING);
    try (Region target = device.allocate(FILE_BYTES)) {
      TransferBatch batch = urgent().read(range, target, 0);
      transfers().submit(batch);
      assertThatThrownBy(() -> await(batch))
          .isInstanceOf(TransferException.class)
          .hasMessageContaining(path + " was written to or exchanged");
    }
  }

  @Test
  void a_file_that_is_gone_is_named() throws IOException {
    Path path = file();
    FileRange range = FileRange.of(path);
    Files.delete(path);
    try (Region target = device.allocate(FILE_BYTES)) {
      TransferBatch batch = urgent().read(range, target, 0);
      transfers().submit(batch);
      assertThatThrownBy(() -> await(batch))
          .isInstanceOf(TransferException.class)
          .hasMessageContaining(path.toString());
    }
  }

  @Test
  void memory_that_is_closed_meanwhile_fails_the_batch_and_nothing_else() {
    try (Region target = device.allocate(10_000)) {
      MemorySegment memory = closedMemory();
      TransferBatch in = urgent().store(memory, target, 0);
      transfers().submit(in);
      assertThatThrownBy(() -> await(in))
          .isInstanceOf(TransferException.class)
          .hasMessageContaining("closed");
      TransferBatch out = urgent().fetch(target, 0, memory);
      transfers().submit(out);
      assertThatThrownBy(() -> await(out)).isInstanceOf(TransferException.class);
      assertThat(content(target)).hasSize(10_000);
    }
    requireNoLeak();
  }

  private static MemorySegment closedMemory() {
    try (Arena arena = Arena.ofShared()) {
      return arena.allocate(10_000);
    }
  }

  @Test
  void an_empty_batch_succeeds() {
    TransferBatch batch = urgent();
    run(batch);
    assertThat(batch.state()).isEqualTo(State.SUCCEEDED);
    assertThat(batch.reports()).isEmpty();
  }

  @Test
  void a_closed_region_is_refused_and_nothing_is_held() {
    Region open = pinned.allocate(100);
    Region closed = device.allocate(100);
    TransferBatch batch = urgent().copy(open, 0, closed, 0, 100);
    closed.close();
    assertThatThrownBy(() -> transfers().submit(batch)).isInstanceOf(IllegalStateException.class);
    open.close();
    requireNoLeak();
  }

  @Test
  void regions_that_are_closed_under_way_are_released_after_the_end() {
    for (int i = 0; i < 50; i++) {
      Region source = filled(300_000, 5);
      Region target = device.allocate(300_000);
      TransferBatch batch = urgent().copy(source, 0, target, 0, 300_000);
      transfers().submit(batch);
      source.close();
      target.close();
      await(batch);
      requireNoLeak();
    }
  }

  @Test
  void a_closed_service_refuses_and_has_waited_for_what_was_under_way() {
    AtomicInteger ends = new AtomicInteger();
    TransferService service = another();
    Bytes before = device.used();
    Region source = filled(1 << 20, 6);
    Region target = device.allocate(1 << 20);
    List<TransferBatch> batches =
        java.util.stream.Stream.generate(() ->
                new TransferBatch(TransferPriority.BACKGROUND, batch -> ends.incrementAndGet()))
            .limit(20)
            .toList();
    for (TransferBatch batch : batches) {
      service.submit(batch.copy(source, 0, target, 0, 1 << 20));
    }
    service.close();
    assertThat(batches).allMatch(batch -> batch.state().ended());
    assertThat(batches).noneMatch(batch -> batch.state() == State.FAILED);
    assertThat(ends).hasValue(20);
    assertThatCode(service::close).doesNotThrowAnyException();
    assertThatThrownBy(() -> service.submit(batches.getFirst().clear()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    source.close();
    target.close();
    assertThat(device.used()).isEqualTo(before);
  }

  @Test
  void what_was_cancelled_in_time_says_so_and_what_was_not_succeeds() throws IOException {
    FileRange file = FileRange.of(file());
    try (Region target = device.allocate(FILE_BYTES)) {
      for (int i = 0; i < 40; i++) {
        TransferBatch batch = new TransferBatch(TransferPriority.BACKGROUND);
        for (int k = 0; k < 8; k++) {
          batch.read(file, target, 0);
        }
        transfers().submit(batch);
        transfers().cancel(batch);
        awaitEnd(batch);
        long moved = batch.reports().stream().mapToLong(TransferReport::bytes).sum();
        assertThat(batch.state())
            .isEqualTo(moved == batch.bytes() ? State.SUCCEEDED : State.CANCELLED);
      }
    }
    requireNoLeak();
  }

  @Test
  void a_batch_that_is_not_under_way_is_not_cancelled() {
    TransferBatch batch = urgent();
    transfers().cancel(batch);
    assertThat(batch.state()).isEqualTo(State.FILLING);
    run(batch);
    transfers().cancel(batch);
    assertThat(batch.state()).isEqualTo(State.SUCCEEDED);
  }

  @Test
  void swapping_blocks_allocates_nothing_on_the_thread_that_submits_and_polls() {
    try (Region host = filled(64_000, 7);
        Region onDevice = device.allocate(64_000)) {
      TransferBatch batch = new TransferBatch(TransferPriority.BACKGROUND);
      swap(batch, host, onDevice, 3_000);
      long allocated = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS && allocated >= 500; round++) {
        long before = meter.allocatedBytes();
        swap(batch, host, onDevice, 500);
        allocated = meter.allocatedBytes() - before;
      }
      assertThat(allocated).isLessThan(500);
    }
  }

  private void swap(TransferBatch batch, Region host, Region onDevice, int times) {
    for (int i = 0; i < times; i++) {
      batch.clear();
      for (int block = 0; block < 16; block++) {
        batch.copy(host, block * 4_000L, onDevice, block * 4_000L, 4_000);
      }
      transfers().submit(batch);
      while (!batch.state().ended()) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void the_ways_are_described_in_sentences() {
    assertThat(transfers().describe()).isNotEmpty().noneMatch(String::isBlank);
  }

  @Test
  void some_random_schedules_of_transfer_close_failure_and_cancel(TestReporter reporter)
      throws Exception {
    schedules(1_000, reporter);
  }

  @Test
  @Tag("slow")
  @Timeout(1_800)
  void many_random_schedules_of_transfer_close_failure_and_cancel(TestReporter reporter)
      throws Exception {
    schedules(100_000, reporter);
  }

  private void schedules(int count, TestReporter reporter) throws Exception {
    long seed = System.nanoTime();
    reporter.publishEntry("seed", Long.toString(seed));
    TransferSchedules schedules =
        new TransferSchedules(
            seed, device, pinned, FileRange.of(file()), pattern, this::another, this::disturb);
    schedules.run(count);
    reporter.publishEntry("outcomes", schedules.outcomes());
    requireNoViolations();
    requireNoLeak();
  }
}

package dev.serval.gpu.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.compute.DType;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferBatch.State;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPath;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.driver.Stream;
import dev.serval.gpu.file.CuFileSearch;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.ThreadMeter;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A device's whole data path, on the stand-in. */
final class DataPathTest {
  private static final int LOST = 719;
  private static final int FILE_BYTES = 5 * (1 << 20) + 122;
  private static final Bytes DEVICE = Bytes.mebi(256);
  private static final Bytes PINNED = Bytes.mebi(128);
  private static final CuFileSearch.Outcome NO_FILES =
      new CuFileSearch.Indirect("there is no cuFile here");
  private static final TransferOptions SMALL =
      new TransferOptions(2, 3, Bytes.of(1 << 16), Bytes.mebi(1), Bytes.of(1 << 16), true);

  @RegisterExtension final StandIn machine = StandIn.with("memory=300m");
  @TempDir private Path folder;

  private CudaDriver driver() {
    return ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
  }

  private DataPath open(Bytes device) {
    CudaDriver driver = driver();
    CudaDevice first = driver.devices().getFirst();
    DataPath.Limits limits = new DataPath.Limits(device, PINNED);
    return DataPath.open("gpu:0", first, limits, driver.copiesInBatches(), SMALL, NO_FILES);
  }

  private static TransferBatch urgent() {
    return new TransferBatch(TransferPriority.URGENT);
  }

  @Test
  void a_full_card_is_told_from_a_budget_that_is_used_up() {
    try (DataPath path = open(Bytes.gibi(64))) {
      assertThatThrownBy(() -> path.deviceMemory().child("demo").allocate(400L << 20))
          .isInstanceOf(OutOfNativeMemoryException.class)
          .hasMessageMatching(
              "gpu:0/demo asked for 400 MiB of device memory; .* of the budget of 64 GiB are in"
                  + " use, and there is no more");
      assertThatThrownBy(() -> path.deviceMemory().allocate(65L << 30))
          .isInstanceOf(OutOfNativeMemoryException.class)
          .hasMessageEndingWith("of the budget of 64 GiB are in use");
      path.deviceMemory().allocate(1 << 20).close();
    }
  }

  @Test
  void what_a_holder_uses_outlives_everything_else() {
    DataPath path = open(DEVICE);
    Region held = path.deviceMemory().child("kv").allocate(1 << 20);
    held.hold();
    path.close();
    path.close();
    assertThat(held.state()).isEqualTo(Region.State.CLOSED);
    assertThat(machine.leaks()).isNotEmpty();
    held.drop();
    assertThat(machine.leaks()).isEmpty();
  }

  @Test
  void memory_is_closed_before_the_transfers_that_use_it() throws Exception {
    try (DataPath path = open(DEVICE)) {
      machine.delayRandomly(2, 100, 300);
      Region host = path.pinnedMemory().child("kv").allocate(1 << 20);
      Region onDevice = path.deviceMemory().child("kv").allocate(1 << 20);
      TransferBatch batch = urgent().copy(host, 0, onDevice, 0, 1 << 20);
      path.transfers().submit(batch);
      path.deviceMemory().close();
      path.pinnedMemory().close();
      batch.await();
      assertThat(path.deviceMemory().used()).isEqualTo(Bytes.ZERO);
    }
  }

  @Test
  void a_card_that_is_lost_fails_what_is_pending_and_leaves_nothing_behind() throws Exception {
    DataPath path = open(DEVICE);
    machine.delayRandomly(3, 20_000, 30_000);
    Region host = path.pinnedMemory().allocate(1 << 20);
    Region onDevice = path.deviceMemory().allocate(1 << 20);
    List<TransferBatch> batches =
        java.util.stream.Stream.generate(() -> new TransferBatch(TransferPriority.BACKGROUND))
            .limit(10)
            .toList();
    batches.forEach(batch -> path.transfers().submit(batch.copy(host, 0, onDevice, 0, 1 << 20)));
    machine.breakContexts(0, LOST);
    for (TransferBatch batch : batches) {
      requireLostOrThere(batch);
    }
    assertThat(batches.getLast().state()).isEqualTo(State.FAILED);
    host.close();
    onDevice.close();
    assertThat(path.deviceMemory().used()).isEqualTo(Bytes.ZERO);
    path.close();
    assertThat(path.pinnedMemory().used()).isEqualTo(Bytes.ZERO);
  }

  /** A batch may have arrived before the card was lost. */
  private static void requireLostOrThere(TransferBatch batch) throws InterruptedException {
    try {
      batch.await();
    } catch (TransferException e) {
      assertThat(batch.state()).isEqualTo(State.FAILED);
      assertThat(e).hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
    }
  }

  @Test
  void weights_come_from_the_file_in_order_and_the_heap_is_left_alone() throws Exception {
    byte[] content = new byte[FILE_BYTES];
    new Random(5).nextBytes(content);
    FileRange file = FileRange.of(Files.write(folder.resolve("model"), content));
    StoredTensor tensor = tensor(Optional.of(file), MemorySegment.ofArray(content));
    assertThat(brought(tensor)).isEqualTo(content);
    StoredTensor mapped = tensor(Optional.empty(), MemorySegment.ofArray(content));
    assertThat(brought(mapped)).isEqualTo(content);
  }

  private static StoredTensor tensor(Optional<FileRange> file, MemorySegment data) {
    return new StoredTensor("t", DType.BF16, List.of(data.byteSize() / 2), data, file);
  }

  private byte[] brought(StoredTensor tensor) {
    try (DataPath path = open(DEVICE);
        Context context = driver().devices().getFirst().context();
        Stream stream = context.stream();
        Region target = path.deviceMemory().allocate(FILE_BYTES);
        Arena arena = Arena.ofShared()) {
      context.attach();
      machine.delayRandomly(4, 0, 50);
      bring(path, stream, tensor, target);
      stream.synchronize();
      MemorySegment back = arena.allocate(FILE_BYTES);
      TransferBatch batch = urgent().fetch(target, 0, back);
      path.transfers().submit(batch);
      batch.await();
      return back.toArray(ValueLayout.JAVA_BYTE);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void bring(DataPath path, Stream stream, StoredTensor tensor, Region target) {
    try (WeightStream weights =
        new WeightStream(path.transfers(), path.deviceMemory(), stream, 3, 300_000)) {
      for (long at = 0; at < FILE_BYTES; at += 300_000) {
        long from = at;
        long bytes = Math.min(300_000, FILE_BYTES - at);
        weights.bring(
            tensor,
            from,
            bytes,
            address -> stream.copyOnDevice(target.address() + from, address, bytes));
      }
      weights.finish();
      assertThat(weights.reports()).hasSize(1);
    }
  }

  @Test
  void reading_a_file_takes_no_heap_per_byte() throws Exception {
    int bytes = 64 << 20;
    FileRange file = FileRange.of(Files.write(folder.resolve("model"), new byte[bytes]));
    try (DataPath path = open(DEVICE);
        Region target = path.deviceMemory().allocate(bytes)) {
      TransferBatch batch = urgent();
      read(path, batch, file, target);
      long before = heap();
      read(path, batch, file, target);
      assertThat(heap() - before).as("heap bytes for %d of the file", bytes).isLessThan(200_000);
    }
  }

  private static long heap() {
    ThreadMeter meter = new ThreadMeter();
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("serval-gpu:0"))
        .mapToLong(meter::allocatedBytes)
        .sum();
  }

  private static void read(DataPath path, TransferBatch batch, FileRange file, Region target)
      throws InterruptedException {
    path.transfers().submit(batch.clear().read(file, target, 0));
    batch.await();
  }

  @Test
  void files_in_memory_are_not_said_to_be_read_past_the_page_cache() throws Exception {
    Path memory = Path.of("/dev/shm");
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.isDirectory(memory) && Files.getFileStore(memory).type().equals("tmpfs"),
        "there is no tmpfs at /dev/shm");
    Path file = Files.createTempFile(memory, "serval", ".bin");
    try (DataPath path = open(DEVICE);
        Region target = path.deviceMemory().allocate(100_000)) {
      Files.write(file, new byte[100_000]);
      TransferBatch batch = urgent();
      read(path, batch, FileRange.of(file), target);
      TransferReport report = batch.reports().getFirst();
      assertThat(report.path()).isEqualTo(TransferPath.CACHED_READ);
      assertThat(report.reason()).isNotBlank();
      assertThat(report.copies()).isEqualTo(2);
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void an_older_driver_is_given_copies_one_by_one_and_says_so() throws Exception {
    machine.configure("memory=300m", "batchCopies=0");
    try (DataPath path = open(DEVICE);
        Region host = path.pinnedMemory().allocate(1000);
        Region onDevice = path.deviceMemory().allocate(1000)) {
      TransferBatch batch = urgent();
      for (int i = 0; i < 10; i++) {
        batch.copy(host, i * 100L, onDevice, i * 100L, 100);
      }
      path.transfers().submit(batch);
      batch.await();
      assertThat(machine.calls("cuMemcpyBatchAsync")).isZero();
      assertThat(path.describe()).first().asString().contains("one by one");
    }
  }

  @Test
  void blocks_of_a_batch_are_one_call_of_the_driver() throws Exception {
    try (DataPath path = open(DEVICE);
        Region host = path.pinnedMemory().allocate(1000);
        Region onDevice = path.deviceMemory().allocate(1000)) {
      TransferBatch batch = urgent();
      for (int i = 0; i < 10; i++) {
        batch.copy(host, i * 100L, onDevice, i * 100L, 100);
      }
      path.transfers().submit(batch);
      batch.await();
      assertThat(machine.calls("cuMemcpyBatchAsync")).isEqualTo(1);
      assertThat(machine.calls("cuMemcpyAsync")).isZero();
    }
  }

  @Test
  void pinned_memory_is_taken_in_large_chunks_and_once() {
    try (DataPath path = open(DEVICE)) {
      long before = machine.calls("cuMemHostAlloc");
      for (int i = 0; i < 100; i++) {
        path.pinnedMemory().allocate(100_000).close();
      }
      assertThat(machine.calls("cuMemHostAlloc") - before).isLessThanOrEqualTo(1);
    }
  }

  @Test
  void the_benchmark_runs() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    DataPathBenchmark.Sizes small =
        new DataPathBenchmark.Sizes(40 << 20, 1 << 20, 2, 1 << 16, 8, 1 << 20, 5);
    new DataPathBenchmark(driver(), small, new PrintStream(out, true, StandardCharsets.UTF_8))
        .run(folder);
    assertThat(out.toString(StandardCharsets.UTF_8))
        .contains("pinned to device", "pinned to host", "the drive by itself", "from a mapping")
        .contains("steps beside blocks that are swapped");
  }
}

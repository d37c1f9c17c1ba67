package dev.serval.gpu.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPath;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.FileRange;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.file.CuFileSearch;
import dev.serval.gpu.standin.StandIn;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Files that go to the device past the host's memory, and what happens where they cannot. */
final class DirectFilesTest {
  private static final int FILE_BYTES = 5 * (1 << 20) + 122;
  private static final int SKIPPED = 77;
  private static final TransferOptions SMALL =
      new TransferOptions(2, 3, Bytes.of(1 << 16), Bytes.mebi(1), Bytes.of(1 << 16), true);

  @RegisterExtension final StandIn machine = StandIn.with("memory=300m");

  @TempDir private Path folder;
  private byte[] content;
  private FileRange file;

  @BeforeEach
  void a_file_and_a_kernel_with_the_module() throws IOException {
    Files.createDirectories(folder.resolve("proc/driver/nvidia-fs"));
    content = new byte[FILE_BYTES];
    new Random(5).nextBytes(content);
    file = FileRange.of(Files.write(folder.resolve("model"), content));
    OpenFile opened = OpenFile.open(new SystemCalls(), file, true);
    boolean past = opened.pastPageCache();
    opened.close();
    assumeThat(past).as("whether files at %s are read past the page cache", folder).isTrue();
  }

  private CuFileSearch.Outcome found() {
    return CuFileSearch.at(machine.library().resolveSibling(CuFileSearch.LIBRARY), folder);
  }

  private DataPath open(CuFileSearch.Outcome files) {
    CudaDriver driver = ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
    DataPath.Limits limits = new DataPath.Limits(Bytes.mebi(256), Bytes.mebi(128));
    return DataPath.open(
        "gpu:0", driver.devices().getFirst(), limits, driver.copiesInBatches(), SMALL, files);
  }

  /** Reads the file but for its first bytes, checks what arrived, and says which way it went. */
  private List<TransferReport> read(CuFileSearch.Outcome files) throws InterruptedException {
    int bytes = FILE_BYTES - SKIPPED;
    try (DataPath path = open(files);
        Arena arena = Arena.ofShared();
        Region target = path.deviceMemory().allocate(bytes)) {
      machine.delayRandomly(4, 0, 50);
      TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
      path.transfers().submit(batch.read(file.slice(SKIPPED, bytes), target, 0));
      batch.await();
      MemorySegment back = arena.allocate(bytes);
      TransferBatch fetch = new TransferBatch(TransferPriority.URGENT).fetch(target, 0, back);
      path.transfers().submit(fetch);
      fetch.await();
      assertThat(back.toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(Arrays.copyOfRange(content, SKIPPED, FILE_BYTES));
      return batch.reports();
    }
  }

  private TransferReport onlyReport(CuFileSearch.Outcome files) throws InterruptedException {
    List<TransferReport> reports = read(files);
    assertThat(reports).hasSize(1);
    return reports.getFirst();
  }

  @Test
  void the_drive_writes_to_the_device_and_the_report_says_what_that_took() throws Exception {
    TransferReport report = onlyReport(found());
    assertThat(report.path()).isEqualTo(TransferPath.FILE_TO_DEVICE);
    assertThat(report.bytes()).isEqualTo(FILE_BYTES - SKIPPED);
    assertThat(report.copies()).isEqualTo(2);
    assertThat(report.reason()).isEqualTo("the device copies them once more");
    assertThat(report.processorNanos()).isPositive();
    assertThat(machine.executed("fileToDevice")).isGreaterThanOrEqualTo(report.bytes());
    assertThat(machine.executed("hostToDevice")).isZero();
  }

  @Test
  void where_there_is_no_cufile_the_report_says_so() throws Exception {
    Path nowhere = folder.resolve("libcufile.so.0");
    TransferReport report = onlyReport(CuFileSearch.at(nowhere, folder));
    assertThat(report.path()).isEqualTo(TransferPath.DIRECT_READ);
    assertThat(report.reason()).endsWith("there is no library at " + nowhere);
    try (DataPath path = open(CuFileSearch.at(nowhere, folder))) {
      assertThat(path.describe()).last().asString().contains("there is no library at " + nowhere);
    }
  }

  @Test
  void what_may_copy_through_the_host_is_not_taken_for_direct() throws Exception {
    machine.configure("memory=300m", "fileCompat=1");
    TransferReport report = onlyReport(found());
    assertThat(report.path()).isEqualTo(TransferPath.DIRECT_READ);
    assertThat(report.reason()).contains("without a word (compatibility mode)");
    assertThat(machine.calls("cuFileHandleRegister")).isZero();
  }

  @Test
  void a_file_that_cufile_does_not_take_goes_by_pinned_memory() throws Exception {
    machine.fail("cuFileHandleRegister", 0, -1, 5027);
    TransferReport report = onlyReport(found());
    assertThat(report.path()).isEqualTo(TransferPath.DIRECT_READ);
    assertThat(report.reason()).isEqualTo("cuFile does not take the file (CUfileOpError 5027)");
  }

  @Test
  void memory_that_cufile_does_not_take_leaves_the_way_by_pinned_memory() throws Exception {
    machine.failNext("cuFileBufRegister", 5011);
    TransferReport report = onlyReport(found());
    assertThat(report.path()).isEqualTo(TransferPath.DIRECT_READ);
    assertThat(report.reason()).contains("does not take its memory (CUfileOpError 5011)");
    machine.failNext("cuMemAlloc", StandIn.OUT_OF_MEMORY);
    assertThat(onlyReport(found()).path()).isEqualTo(TransferPath.DIRECT_READ);
  }

  @Test
  void a_read_that_fails_midway_is_made_again_by_pinned_memory_and_nothing_is_missing()
      throws Exception {
    machine.fail("cuFileRead", 5, -1, 5030);
    List<TransferReport> reports = read(found());
    assertThat(reports)
        .extracting(TransferReport::path)
        .containsExactly(TransferPath.FILE_TO_DEVICE, TransferPath.DIRECT_READ);
    assertThat(reports.getLast().reason())
        .isEqualTo("cuFile gave the file up (CUfileOpError 5030)");
    assertThat(reports.stream().mapToLong(TransferReport::bytes).sum())
        .isEqualTo(FILE_BYTES - SKIPPED);
  }

  @Test
  void a_card_that_is_lost_fails_the_batch_and_leaves_nothing_behind() throws Exception {
    try (DataPath path = open(found());
        Region target = path.deviceMemory().allocate(FILE_BYTES)) {
      path.transfers();
      machine.breakContexts(0, StandIn.LAUNCH_FAILED);
      TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
      path.transfers().submit(batch.read(file, target, 0));
      assertThatThrownBy(batch::await).isInstanceOf(TransferException.class);
    }
    assertThat(machine.leaks()).isEmpty();
  }
}

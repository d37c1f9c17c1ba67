package dev.serval.models.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights of a mapped file. */
final class MappedWeightsTest {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final int ROWS = 4096;
  private static final int COLUMNS = 4096;
  private static final long KIBIBYTES = 4L * ROWS * COLUMNS / 1024;

  /** How much of files this process has in memory, in KiB. */
  private static long ofFiles() throws IOException {
    try (var lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith("RssFile:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void what_has_been_taken_over_does_not_stay_in_memory_twice(@TempDir Path folder)
      throws IOException {
    assumeTrue(Files.exists(STATUS));
    Path file = Files.write(folder.resolve("weights"), new byte[4 * ROWS * COLUMNS]);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));
        ComputeBackend backend =
            new CpuBackendProvider(List.of(new PlainTierSource()), Processor.here())
                .open(CpuBackendContractTest.CPU, 2, memory)) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
      mapped.load();
      long before = ofFiles();
      backend.load(
          List.of(new StoredTensor("w", DType.F32, List.of((long) ROWS, (long) COLUMNS), mapped)));
      assertThat(before - ofFiles()).isGreaterThan(KIBIBYTES / 2);
    }
  }
}

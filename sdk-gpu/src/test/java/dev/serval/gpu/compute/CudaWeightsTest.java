package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.HostMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Weights come by the data path, whose threads and memory are there as long as weights come. */
final class CudaWeightsTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final int COLUMNS = 1024;
  private static final int ABOVE = 10_000;
  private static final int BELOW = 9_001;

  @TempDir Path folder;

  private static CudaBackend open(NativeMemory memory) {
    return (CudaBackend) GPU.provider().open(GPU.device(), ComputeOptions.of(1), memory);
  }

  /** A number that tells of its place. */
  private static float number(int row, int column) {
    return row * 37 % 10_007 + column / 1024f;
  }

  private static void fill(MemorySegment data, int firstRow, int rows) {
    for (int i = 0; i < rows * COLUMNS; i++) {
      float number = number(firstRow + i / COLUMNS, i % COLUMNS);
      data.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, number);
    }
  }

  /** A matrix in a file, and nowhere else: its memory is of zeros. */
  private StoredTensor inFile(Arena arena, int firstRow, int rows) throws IOException {
    long bytes = (long) rows * COLUMNS * Float.BYTES;
    Path path = folder.resolve("rows-" + firstRow);
    try (FileChannel file =
            FileChannel.open(
                path,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena mapping = Arena.ofConfined()) {
      fill(file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, mapping), firstRow, rows);
      file.force(true);
    }
    return new StoredTensor(
        "rows from %d".formatted(firstRow),
        DType.F32,
        List.of((long) rows, (long) COLUMNS),
        arena.allocate(bytes),
        Optional.of(FileRange.of(path)));
  }

  private static StoredTensor inMemory(Arena arena, int firstRow, int rows) {
    MemorySegment data = arena.allocate((long) rows * COLUMNS * Float.BYTES);
    fill(data, firstRow, rows);
    return new StoredTensor(
        "rows from %d".formatted(firstRow),
        DType.F32,
        List.of((long) rows, (long) COLUMNS),
        data,
        Optional.empty());
  }

  private static void requireRows(CudaBackend backend, Weight table, int... rows) {
    StepBatch batch = new StepBatch(rows.length, 1);
    batch.add(rows, 0, rows.length, BlockTable.EMPTY, false);
    CudaActivations out = (CudaActivations) backend.activations(rows.length, COLUMNS);
    backend.embed(batch, table, out);
    long bytes = (long) out.stride() * rows.length * Float.BYTES;
    try (HostMemory target = backend.access().pinned(bytes)) {
      backend.access().fetch(target.address(), out.address(), bytes);
      for (int i = 0; i < rows.length; i++) {
        int row = rows[i];
        float[] found =
            target
                .segment()
                .asSlice((long) i * out.stride() * Float.BYTES, COLUMNS * (long) Float.BYTES)
                .toArray(ValueLayout.JAVA_FLOAT);
        assertThat(IntStream.range(0, COLUMNS).filter(k -> found[k] != number(row, k)))
            .as("columns of row %d that are another's", row)
            .isEmpty();
      }
    }
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("serval-gpu:0"))
        .toList();
  }

  @Test
  void a_matrix_of_more_pieces_than_windows_comes_from_files_and_from_memory() throws IOException {
    try (Arena arena = Arena.ofShared();
        NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1));
        CudaBackend backend = open(memory)) {
      StoredTensor above = inFile(arena, 0, ABOVE);
      StoredTensor below = inMemory(arena, ABOVE, BELOW);
      Weight table = backend.load(List.of(above, below));
      assertThat(threads()).isNotEmpty();
      requireRows(
          backend, table, 0, 1, 8191, 8192, 9999, ABOVE, ABOVE + 8191, ABOVE + 8192, 19_000);
      assertThat(threads()).as("threads of transfers after loading").isEmpty();
      assertThat(backend.description())
          .contains("; weights: from the file ")
          .contains(" into pinned memory (39.1 MiB), ")
          .endsWith("the host's memory by way of pinned memory (35.2 MiB)");
    }
  }

  @Test
  void more_can_be_loaded_after_some_was_used() {
    try (Arena arena = Arena.ofShared();
        NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1));
        CudaBackend backend = open(memory)) {
      Weight one = backend.load(List.of(inMemory(arena, 0, 10)));
      requireRows(backend, one, 0, 9);
      Weight other = backend.load(List.of(inMemory(arena, 0, 20)));
      requireRows(backend, other, 19, 0);
      requireRows(backend, one, 9, 0);
      assertThat(threads()).isEmpty();
    }
  }

  @Test
  void a_file_that_was_written_to_since_fails_loading_by_name_and_every_step_after()
      throws IOException {
    try (Arena arena = Arena.ofShared();
        NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1));
        CudaBackend backend = open(memory)) {
      StoredTensor tensor = inFile(arena, 0, 100);
      Path path = tensor.file().orElseThrow().path();
      Files.write(path, new byte[100 * COLUMNS * Float.BYTES + 1]);
      Weight table = backend.load(List.of(tensor));
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> requireRows(backend, table, 0))
            .isInstanceOf(TransferException.class)
            .hasMessageContaining(path + " was written to or exchanged");
      }
      assertThat(threads()).isEmpty();
    }
  }

  @Test
  void a_backend_is_closed_while_weights_are_on_their_way() throws IOException {
    try (Arena arena = Arena.ofShared();
        NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1))) {
      try (CudaBackend backend = open(memory)) {
        assertThat(backend.load(List.of(inFile(arena, 0, ABOVE))).rows()).isEqualTo(ABOVE);
      }
      assertThat(threads()).isEmpty();
    }
  }
}

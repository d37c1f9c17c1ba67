package dev.serval.storage.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringJoiner;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights and headers that are far larger than the heap of these tests would bear a copy of. */
final class LargeFilesTest {
  @TempDir private Path folder;

  private Path weights() {
    return folder.resolve("model.safetensors");
  }

  @Test
  @Tag("slow")
  void a_tensor_beyond_2_GiB_is_one_view() throws IOException {
    long rows = 5L << 18;
    String header =
        "{\"flag\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]}, \"w\": {\"dtype\":"
            + " \"F16\", \"shape\": [%d, 1024], \"data_offsets\": [1, %d]}}"
                .formatted(rows, 1 + rows * 2048);
    SafetensorsWriter.texts(folder);
    Files.write(weights(), SafetensorsWriter.file(header, new byte[1]));
    try (RandomAccessFile sparse = new RandomAccessFile(weights().toFile(), "rw")) {
      sparse.setLength(sparse.length() + rows * 2048);
      sparse.seek(sparse.length() - 1);
      sparse.write(42);
    }
    try (Checkpoint checkpoint = new SafetensorsReader(2).open(folder, LoadListener.NONE)) {
      StoredTensor tensor = checkpoint.tensor("w");
      assertThat(tensor.elements()).isEqualTo(rows * 1024);
      assertThat(tensor.data().byteSize()).isGreaterThan(Integer.MAX_VALUE);
      assertThat(tensor.data().get(ValueLayout.JAVA_BYTE, tensor.data().byteSize() - 1))
          .isEqualTo((byte) 42);
    }
  }

  @Test
  void twenty_thousand_tensors_open_and_a_misspelt_one_is_met_by_a_suggestion() throws IOException {
    StringJoiner header = new StringJoiner(", ", "{", "}");
    for (int i = 0; i < 20_000; i++) {
      header.add(
          "\"model.layers.%d.weight\": {\"dtype\": \"F16\", \"shape\": [0], \"data_offsets\": [0, 0]}"
              .formatted(i));
    }
    SafetensorsWriter.texts(folder);
    Files.write(weights(), SafetensorsWriter.file(header.toString(), new byte[0]));
    try (Checkpoint checkpoint = new SafetensorsReader(1).open(folder, LoadListener.NONE)) {
      assertThat(checkpoint.tensorNames()).hasSize(20_000);
      assertThatThrownBy(() -> checkpoint.tensor("model.layers.19999.weights"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("'model.layers.19999.weight'");
    }
  }

  @Test
  @Tag("slow")
  void a_header_of_90_MB_without_sense_is_refused_within_a_small_heap() throws IOException {
    SafetensorsWriter.texts(folder);
    try (RandomAccessFile file = new RandomAccessFile(weights().toFile(), "rw")) {
      file.write(SafetensorsWriter.file(90_000_000, "{\"w\":[".getBytes(UTF_8), new byte[0]));
      byte[] brackets = "[".repeat(1 << 16).getBytes(UTF_8);
      while (file.length() < 90_000_008) {
        file.write(brackets);
      }
    }
    assertThatThrownBy(() -> new SafetensorsReader(1).open(folder, LoadListener.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("w is a list");
  }
}

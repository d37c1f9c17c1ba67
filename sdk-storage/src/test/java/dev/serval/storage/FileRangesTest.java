package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Readers of files of our own formats say of every tensor where it lies in its file. */
final class FileRangesTest {
  private static final List<StoredTensor> TENSORS =
      List.of(tensor("blk.0.ffn_down.weight", 64), tensor("output_norm.weight", 8));

  @TempDir private Path folder;

  private static StoredTensor tensor(String name, int bytes) {
    byte[] data = new byte[bytes];
    return new StoredTensor(name, DType.F32, List.of(bytes / 4L), MemorySegment.ofArray(data));
  }

  private static void requireRanges(CheckpointReader reader, Path path) {
    try (Checkpoint checkpoint = reader.open(path, LoadListener.NONE)) {
      assertThat(checkpoint.tensorNames()).hasSize(TENSORS.size());
      assertThat(checkpoint.tensorNames())
          .allSatisfy(
              name -> assertThat(checkpoint.tensor(name).file()).map(FileRange::bytes).isPresent());
    }
  }

  @Test
  void of_shards_in_the_safetensors_format() throws IOException {
    requireRanges(
        new SafetensorsReader(), ShardedModel.write(SafetensorsWriter.texts(folder), TENSORS));
  }

  @Test
  void of_a_gguf_file() throws IOException {
    GgufWriter writer = GgufWriter.llama();
    writer.put("tokenizer.ggml.model", "gpt2").put("tokenizer.ggml.pre", "gpt-2");
    writer.texts("tokenizer.ggml.tokens", List.of("a", "<|end|>"));
    writer.integers("tokenizer.ggml.token_type", List.of(1, 3));
    writer.texts("tokenizer.ggml.merges", List.of());
    TENSORS.forEach(writer::tensor);
    requireRanges(new GgufReader(), Files.write(folder.resolve("m.gguf"), writer.file()));
  }
}

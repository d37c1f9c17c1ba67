package dev.serval.storage;

import dev.serval.api.storage.CheckpointReader;
import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.CheckpointReaderContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;

final class GgufReaderTest {
  private static final Map<String, String> NAMES =
      Map.of(
          "model.embed_tokens.weight", "token_embd.weight",
          "model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight",
          "model.norm.weight", "output_norm.weight");

  private static byte[] file(List<StoredTensor> tensors) {
    GgufWriter writer = GgufWriter.llama();
    writer.put("tokenizer.ggml.model", "gpt2").put("tokenizer.ggml.pre", "gpt-2");
    writer.texts("tokenizer.ggml.tokens", List.of("a", "b", "ab", "<|end|>"));
    writer.integers("tokenizer.ggml.token_type", List.of(1, 1, 1, 3));
    writer.texts("tokenizer.ggml.merges", List.of("a b"));
    for (StoredTensor tensor : tensors) {
      writer.tensor(
          new StoredTensor(
              NAMES.get(tensor.name()), tensor.dtype(), tensor.shape(), tensor.data()));
    }
    return writer.file();
  }

  @Nested
  final class OfAFile extends CheckpointReaderContract {
    @Override
    protected CheckpointReader reader() {
      return new GgufReader();
    }

    @Override
    protected Path write(Path folder, List<StoredTensor> tensors) throws IOException {
      return Files.write(folder.resolve("model-of-any-name"), file(tensors));
    }
  }

  @Nested
  final class OfAFolder extends CheckpointReaderContract {
    @Override
    protected CheckpointReader reader() {
      return new GgufReader();
    }

    @Override
    protected Path write(Path folder, List<StoredTensor> tensors) throws IOException {
      Files.write(folder.resolve("model.gguf"), file(tensors));
      return folder;
    }
  }
}

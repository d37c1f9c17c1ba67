package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.model.TextCodec;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.text.HuggingFaceTextCodecReader;
import dev.serval.storage.GgufReader;
import dev.serval.testkit.models.GgufOracle;
import dev.serval.testkit.models.LlamaCppComparison;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** GGUF files against llama.cpp's own answers. */
final class GgufOracleTest {
  @TempDir Path folder;

  static Stream<GgufOracle> oracles() {
    return GgufOracle.all().stream();
  }

  private Checkpoint open(GgufOracle oracle) throws IOException {
    return new GgufReader().open(oracle.file(folder), LoadListener.NONE);
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void steps_are_those_of_llama_cpp_within_its_rounding(GgufOracle oracle) throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        ModelRun run = new ModelRun(checkpoint, 2)) {
      LlamaCppComparison.check(oracle, run);
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void generated_code_which_rounds_its_own_inputs_is_as_far_off_as_both_together(GgufOracle oracle)
      throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        ModelRun run = new ModelRun(checkpoint, 2, DType.F32, KernelPreference.best())) {
      LlamaCppComparison.checkRounded(oracle, run);
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void texts_are_tokenized_as_by_llama_cpp(GgufOracle oracle) throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        TextCodec codec = new HuggingFaceTextCodecReader().read(checkpoint)) {
      oracle
          .tokens()
          .forEach((text, ids) ->
              assertThat(codec.tokenizer().encode(text, false)).as(text).isEqualTo(ids));
    }
  }
}

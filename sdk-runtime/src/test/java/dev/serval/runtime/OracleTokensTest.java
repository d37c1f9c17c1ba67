package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.testkit.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A whole runtime computes what a float64 reference computes, whatever else is in the batch. */
final class OracleTokensTest {
  @TempDir Path folder;

  static List<Oracle> oracles() {
    return Oracle.all();
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void greedy_tokens_are_the_references_alone_and_together_cold_and_warm(Oracle oracle)
      throws IOException {
    try (ServingRuntime runtime =
        Serval.builder()
            .model(oracle.folder(folder))
            .kvDtype(DType.F32)
            .maxRunning(8)
            .warmUp(false)
            .build()) {
      for (int i = 0; i < oracle.prompts().size(); i++) {
        assertThat(tokens(begin(runtime, oracle, i)))
            .as("alone, cold")
            .isEqualTo(expected(oracle, i));
        assertThat(tokens(begin(runtime, oracle, i)))
            .as("alone, warm")
            .isEqualTo(expected(oracle, i));
      }
      List<Generation> together = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        together.add(begin(runtime, oracle, i % oracle.prompts().size()));
      }
      for (int i = 0; i < 8; i++) {
        assertThat(tokens(together.get(i)))
            .as("in a batch of 8")
            .isEqualTo(expected(oracle, i % oracle.prompts().size()));
      }
    }
  }

  private static Generation begin(ServingRuntime runtime, Oracle oracle, int prompt) {
    return runtime.submit(
        GenerationRequest.builder(Prompt.tokens(oracle.prompts().get(prompt)))
            .maxTokens(oracle.greedy().get(prompt).length)
            .ignoreEos(true)
            .build());
  }

  private static List<Integer> tokens(Generation generation) {
    GenerationResult result = generation.result().toCompletableFuture().join();
    return result.choices().getFirst().tokenIds();
  }

  private static List<Integer> expected(Oracle oracle, int prompt) {
    return Arrays.stream(oracle.greedy().get(prompt)).boxed().toList();
  }
}

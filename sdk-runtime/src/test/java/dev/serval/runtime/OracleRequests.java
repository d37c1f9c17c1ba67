package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.EngineLoad;
import dev.serval.testkit.models.Oracle;
import java.util.Arrays;
import java.util.List;

/**
 * An oracle's prompts as requests, and its answers.
 *
 * @param oracle the oracle
 */
record OracleRequests(Oracle oracle) {
  int count() {
    return oracle.prompts().size();
  }

  GenerationRequest.Builder request(int prompt) {
    return GenerationRequest.builder(Prompt.tokens(oracle.prompts().get(prompt)))
        .maxTokens(oracle.greedy().get(prompt).length)
        .ignoreEos(true);
  }

  Generation begin(ServingRuntime runtime, int prompt) {
    return runtime.submit(request(prompt).build());
  }

  List<Integer> answer(int prompt) {
    return Arrays.stream(oracle.greedy().get(prompt)).boxed().toList();
  }

  /** Runs a prompt and checks its answer. */
  void check(ServingRuntime runtime, int prompt, String when) {
    checkResult(begin(runtime, prompt), prompt, when);
  }

  void checkResult(Generation generation, int prompt, String when) {
    assertThat(result(generation).choices().getFirst().tokenIds())
        .as("%s, prompt %d, %s", oracle, prompt, when)
        .isEqualTo(answer(prompt));
  }

  static GenerationResult result(Generation generation) {
    return generation.result().toCompletableFuture().join();
  }

  static EngineLoad load(ServingRuntime runtime) {
    return ((NamedModel) runtime.models().getFirst()).loaded().engine().load();
  }

  /** Every block is free and nobody is in the engine. */
  static void assertNothingHeld(ServingRuntime runtime) throws InterruptedException {
    for (int i = 0; i < 1000 && !idle(load(runtime)); i++) {
      Thread.sleep(5); // the engine tells an end before it has counted it
    }
    assertThat(load(runtime)).matches(OracleRequests::idle, "idle with every block free");
  }

  private static boolean idle(EngineLoad load) {
    return load.freeBlocks() == load.totalBlocks() && load.running() == 0 && load.waiting() == 0;
  }
}

package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A model whose layers carry a state along answers the same however its sequences are computed:
 * what is found again, gives way or is cut up brings its state with it.
 */
final class CarriedStatesTest {
  private static final int VOCABULARY = 320;
  private static final int TOKENS = 12;

  @TempDir Path parent;

  private Path folder;
  private List<int[]> prompts;
  private List<List<Integer>> answers;

  /** What layers keep that do not attend. */
  enum Kind {
    DELTA_NETWORKS,
    STATE_SPACES,
    SHORT_CONVOLUTIONS;

    SmallModel model() {
      return switch (this) {
        case DELTA_NETWORKS ->
            StatefulModels.apart("Qwen3_5ForCausalLM", 61, DType.F32, VOCABULARY);
        case STATE_SPACES ->
            StatefulModels.withoutExperts(StatefulModels.stateSpaces(62, DType.F32, VOCABULARY));
        case SHORT_CONVOLUTIONS ->
            StatefulModels.withConvolutionNames(
                StatefulModels.convolutions("Lfm2ForCausalLM", 63, DType.F32, VOCABULARY));
      };
    }
  }

  /** Has each prompt answered by itself. */
  private void alone(Kind kind) throws IOException {
    folder = Oracle.named("llama").folder(parent);
    kind.model().save(folder);
    Random random = new Random(67);
    int[] shared = random.ints(40, 0, VOCABULARY).toArray();
    prompts =
        IntStream.range(0, 8)
            .mapToObj(i -> {
              int[] prompt = Arrays.copyOf(shared, 20 + 5 * i);
              for (int at = Math.min(37, prompt.length - 1); at < prompt.length; at++) {
                prompt[at] = random.nextInt(VOCABULARY);
              }
              return prompt;
            })
            .toList();
    try (ServingRuntime runtime = builder().prefixCaching(false).build()) {
      answers = prompts.stream().map(prompt -> tokens(begin(runtime, prompt))).toList();
    }
  }

  private ServingRuntimeBuilder builder() {
    return Serval.builder().model(folder).kvDtype(DType.F32).maxRunning(8).warmUp(Duration.ZERO);
  }

  private static Generation begin(ServingRuntime runtime, int[] prompt) {
    return runtime.submit(
        GenerationRequest.builder(Prompt.tokens(prompt)).maxTokens(TOKENS).ignoreEos(true).build());
  }

  private static List<Integer> tokens(Generation generation) {
    return OracleRequests.result(generation).choices().getFirst().tokenIds();
  }

  private void together(ServingRuntime runtime) {
    List<Generation> all = prompts.stream().map(prompt -> begin(runtime, prompt)).toList();
    assertThat(all.stream().map(CarriedStatesTest::tokens).toList()).isEqualTo(answers);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_where_the_beginning_was_computed_for_another(Kind kind)
      throws IOException {
    alone(kind);
    try (ServingRuntime runtime = builder().blockTokens(4).build()) {
      for (int i = 0; i < prompts.size(); i++) {
        GenerationResult result = OracleRequests.result(begin(runtime, prompts.get(i)));
        assertThat(result.choices().getFirst().tokenIds()).isEqualTo(answers.get(i));
        assertThat(result.usage().cachedPromptTokens()).isEqualTo(found(i));
      }
      together(runtime);
    }
  }

  /** The prompt before shares all but its last token, up to where all differ. */
  private int found(int prompt) {
    int shared = Math.min(37, prompts.get(Math.max(0, prompt - 1)).length - 1);
    return prompt == 0 ? 0 : shared / 4 * 4;
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_together_in_small_steps(Kind kind) throws IOException {
    alone(kind);
    for (int blockTokens : new int[] {1, 3, 64}) {
      try (ServingRuntime runtime = builder().blockTokens(blockTokens).maxStepTokens(9).build()) {
        together(runtime);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void answers_are_the_same_after_giving_way_to_others(Kind kind)
      throws IOException, InterruptedException {
    alone(kind);
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    Bytes budget = Bytes.of(12 * blockBytes());
    try (ServingRuntime runtime =
        builder().blockTokens(8).kvBudget(budget).streamBuffer(1).meters(meters).build()) {
      assertThat(OracleRequests.load(runtime).totalBlocks()).isEqualTo(12);
      together(runtime);
      assertThat(meters.get("serval.engine.preemptions").counter().count()).isPositive();
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  private long blockBytes() {
    try (ServingRuntime runtime = builder().blockTokens(8).build()) {
      return ((NamedModel) runtime.models().getFirst()).loaded().placed().layout().blockBytes();
    }
  }

  @Test
  void blocks_are_as_large_as_their_states_unless_told_otherwise() throws IOException {
    alone(Kind.DELTA_NETWORKS);
    try (ServingRuntime runtime = builder().build()) {
      assertThat(runtime.describe().toString())
          .contains("of 64 tokens", "states of 10.4 KiB in each");
    }
  }
}

package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SmallModel;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Prompts of a small model and its answers to each by itself, which others are compared with. */
final class SameAnswers {
  /** How many tokens its models have. */
  static final int VOCABULARY = 320;

  private static final int TOKENS = 12;

  private final Path folder;
  private final List<int[]> prompts;
  private final List<List<Integer>> answers;

  /**
   * Has each prompt answered.
   *
   * @param parent where the model is kept
   */
  SameAnswers(SmallModel model, Path parent) throws IOException {
    folder = Oracle.named("llama").folder(parent);
    model.save(folder);
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

  ServingRuntimeBuilder builder() {
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
    assertThat(all.stream().map(SameAnswers::tokens).toList()).isEqualTo(answers);
  }

  /** They are the same where the beginning of a prompt was computed for another. */
  void assertWhereBeginningsAreFound() {
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

  /** They are the same together, in steps of few tokens and blocks of several sizes. */
  void assertTogetherInSmallSteps() {
    for (int blockTokens : new int[] {1, 3, 64}) {
      try (ServingRuntime runtime = builder().blockTokens(blockTokens).maxStepTokens(9).build()) {
        together(runtime);
      }
    }
  }

  /** They are the same where there is not room for all at once. */
  void assertAfterGivingWay() throws InterruptedException {
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    KvLayout layout = layout(8);
    int blocks = layout.blocksFor(12 * 8);
    Bytes budget = Bytes.of(blocks * layout.blockBytes());
    try (ServingRuntime runtime =
        builder().blockTokens(8).kvBudget(budget).streamBuffer(1).meters(meters).build()) {
      assertThat(OracleRequests.load(runtime).totalBlocks()).isEqualTo(blocks);
      together(runtime);
      assertThat(meters.get("serval.engine.preemptions").counter().count()).isPositive();
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  /** They are the same where tokens are guessed, one in five wrongly. */
  void assertWhereTokensAreGuessed() {
    try (ServingRuntime runtime = builder().blockTokens(4).draft(this::guess).build()) {
      together(runtime);
    }
  }

  private int guess(DraftedSequence sequence, int[] draft, int most) {
    int[] prompt = Arrays.copyOf(sequence.tokens(), sequence.promptTokens());
    List<Integer> answer = answers.get(index(prompt));
    int from = sequence.generatedTokens();
    int count = Math.min(most, answer.size() - from);
    for (int i = 0; i < count; i++) {
      draft[i] = (from + i) % 5 == 4 ? 0 : answer.get(from + i);
    }
    return count;
  }

  private int index(int[] prompt) {
    return IntStream.range(0, prompts.size())
        .filter(i -> Arrays.equals(prompts.get(i), prompt))
        .findFirst()
        .orElseThrow();
  }

  private KvLayout layout(int blockTokens) {
    try (ServingRuntime runtime = builder().blockTokens(blockTokens).build()) {
      return ((NamedModel) runtime.models().getFirst()).loaded().placed().layout();
    }
  }
}

package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.cpu.Tiers;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The families against models whose answers a float64 reference computed. */
@ParameterizedClass
@MethodSource("tiers")
final class OracleTest {
  private static final float TOLERANCE = 1e-3f;
  private static final int GENERATED = 24;

  @Parameter KernelKind kernels;
  @TempDir Path folder;

  static List<KernelKind> tiers() {
    return Tiers.here();
  }

  static Stream<Oracle> oracles() {
    return Oracle.all().stream();
  }

  private Checkpoint open(Oracle oracle) throws IOException {
    return new SafetensorsReader().open(oracle.folder(folder), LoadListener.NONE);
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void logits_after_each_prompt_are_those_of_the_reference(Oracle oracle) throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        ModelRun run = new ModelRun(checkpoint, 2, kernels)) {
      for (int i = 0; i < oracle.prompts().size(); i++) {
        int[] prompt = oracle.prompts().get(i);
        assertThat(run.logits(prompt, prompt.length))
            .usingComparatorWithPrecision(TOLERANCE)
            .containsExactly(oracle.logits().get(i));
      }
    }
  }

  /**
   * Qwen 3 as the part for texts of Qwen 3-VL, Qwen 2 as that of 2.5-VL, Llama of Mistral Small.
   */
  @ParameterizedTest
  @CsvSource({
    "qwen3, qwen3_vl_text, Qwen3VLForConditionalGeneration",
    "qwen2, qwen2_5_vl_text, Qwen2_5_VLForConditionalGeneration",
    "llama, mistral, Mistral3ForConditionalGeneration"
  })
  void a_model_that_sees_as_well_does_with_texts_what_their_part_does(
      String name, String type, String architecture) throws IOException {
    Oracle oracle = Oracle.named(name);
    SeeingModel.of(oracle.folder(folder), type, architecture);
    try (Checkpoint checkpoint =
            new SafetensorsReader().open(folder.resolve(name), LoadListener.NONE);
        ModelRun run = new ModelRun(checkpoint, 2, kernels)) {
      int[] prompt = oracle.prompts().getLast();
      assertThat(run.logits(prompt, prompt.length))
          .usingComparatorWithPrecision(TOLERANCE)
          .containsExactly(oracle.logits().getLast());
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void greedy_tokens_are_those_of_the_reference(Oracle oracle) throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        ModelRun run = new ModelRun(checkpoint, 2, kernels)) {
      for (int i = 0; i < oracle.prompts().size(); i++) {
        assertThat(run.greedy(oracle.prompts().get(i), GENERATED))
            .containsExactly(oracle.greedy().get(i));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void greedy_tokens_are_the_same_for_all_prompts_together_in_chunks_of_any_size(Oracle oracle)
      throws IOException {
    Random chunks = new Random(3);
    try (Checkpoint checkpoint = open(oracle);
        ModelRun run = new ModelRun(checkpoint, 2, kernels)) {
      List<SteppedModel.Sequence> sequences = oracle.prompts().stream().map(run::sequence).toList();
      while (sequences.stream().anyMatch(sequence -> sequence.generated() < GENERATED)) {
        stepAll(run, sequences, chunks);
      }
      for (int i = 0; i < sequences.size(); i++) {
        assertThat(sequences.get(i).completion()).containsExactly(oracle.greedy().get(i));
      }
    }
  }

  private static void stepAll(ModelRun run, List<SteppedModel.Sequence> all, Random chunks) {
    List<SteppedModel.Sequence> active =
        all.stream().filter(sequence -> sequence.generated() < GENERATED).toList();
    List<Integer> counts = new ArrayList<>();
    for (SteppedModel.Sequence sequence : active) {
      counts.add(Math.min(sequence.left(), 1 + chunks.nextInt(23)));
    }
    List<float[]> logits = run.step(active, counts);
    for (int i = 0; i < active.size(); i++) {
      if (active.get(i).left() == 0) {
        active.get(i).append(SteppedModel.argmax(logits.get(i)));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void logits_have_the_same_bits_alone_in_a_batch_in_chunks_and_with_any_number_of_threads(
      Oracle oracle) throws IOException {
    int[] prompt = oracle.prompts().getLast();
    try (Checkpoint checkpoint = open(oracle)) {
      float[] expected;
      try (ModelRun run = new ModelRun(checkpoint, 1, kernels)) {
        expected = run.logits(prompt, prompt.length);
      }
      for (int threads = 1; threads <= 3; threads++) {
        try (ModelRun run = new ModelRun(checkpoint, threads, kernels)) {
          assertThat(run.logits(prompt, 1)).containsExactly(expected);
          assertThat(run.logits(prompt, 13)).containsExactly(expected);
          assertThat(batched(run, oracle, prompt)).containsExactly(expected);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void logits_after_drafted_tokens_have_the_bits_that_they_have_one_by_one(Oracle oracle)
      throws IOException {
    int[] prompt = oracle.prompts().getLast();
    int[] answer = oracle.greedy().getLast();
    for (DType kept : List.of(DType.F32, DType.BF16)) {
      try (Checkpoint checkpoint = open(oracle);
          ModelRun run = new ModelRun(checkpoint, 2, kept, KernelPreference.require(kernels))) {
        SteppedModel.Sequence alone = run.sequence(prompt);
        SteppedModel.Sequence drafting = run.sequence(prompt);
        run.advance(alone, 13);
        run.advance(drafting);
        for (int wrong = 0; wrong < 5; wrong++) {
          int[] guesses = Arrays.copyOfRange(answer, drafting.generated() + 1, answer.length);
          guesses = Arrays.copyOf(guesses, wrong + 1);
          guesses[wrong]++;
          drafting.append(answer[drafting.generated()]);
          List<float[]> drafted = run.verify(drafting, guesses);
          for (int i = 0; i <= wrong; i++) {
            alone.append(answer[alone.generated()]);
            assertThat(drafted.get(i)).containsExactly(run.advance(alone));
          }
          for (int i = 0; i < wrong; i++) {
            drafting.append(answer[drafting.generated()]);
          }
          drafting.accept(wrong);
        }
      }
    }
  }

  private static float[] batched(ModelRun run, Oracle oracle, int[] prompt) {
    List<SteppedModel.Sequence> sequences = new ArrayList<>();
    List<Integer> counts = new ArrayList<>();
    for (int[] other : List.of(oracle.prompts().get(1), prompt, oracle.prompts().get(2))) {
      sequences.add(run.sequence(other));
      counts.add(other.length);
    }
    return run.step(sequences, counts).get(1);
  }
}

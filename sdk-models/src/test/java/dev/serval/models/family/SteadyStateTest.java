package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.storage.Checkpoint;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.ThreadMeter;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.Gemma4Models;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class SteadyStateTest {
  private static final int WARM_UP = 300;
  private static final int STEPS = 400;

  /** Kernels of vectors take from the heap until the last of them is compiled. */
  private static final Duration LONGEST = Duration.ofMinutes(1);

  private static final long SMALLEST_OBJECT = 16;

  private static final int VOCABULARY = 91;

  @TempDir Path folder;

  @Test
  void a_step_takes_nothing_from_the_heap() throws IOException {
    Oracle oracle = Oracle.named("qwen3");
    try (Checkpoint checkpoint =
        new SafetensorsReader().open(oracle.folder(folder), LoadListener.NONE)) {
      assertNothingTaken(checkpoint, oracle.prompts());
    }
  }

  static List<SmallModel> stateful() {
    DType f32 = DType.F32;
    return List.of(
        StatefulModels.apart("Qwen3_5ForCausalLM", 1, f32, VOCABULARY),
        StatefulModels.withoutExperts(StatefulModels.stateSpaces(2, f32, VOCABULARY)),
        StatefulModels.withConvolutionNames(
            StatefulModels.convolutions("Lfm2ForCausalLM", 3, f32, VOCABULARY)));
  }

  @ParameterizedTest
  @MethodSource("stateful")
  void a_step_of_layers_that_carry_a_state_takes_nothing_from_the_heap(SmallModel model) {
    assertNothingTaken(model, prompts());
  }

  static List<SmallModel> latent() {
    SmallModel.Sizes sizes = new SmallModel.Sizes(VOCABULARY, 64, 96, 2, 4, 4, 32);
    LatentModels.Heads heads = new LatentModels.Heads(32, 64, 32, 32, 32);
    Experts experts =
        new Experts(8, 3, 32, true, false, "mlp.gate")
            .with(LatentModels.chosenBySigmoid(1, 2.5, 32))
            .with(new Groups(4, 2, GroupScore.TWO_HIGHEST));
    return List.of(
        LatentModels.withExperts(
            LatentModels.of("DeepseekV3ForCausalLM", 5, DType.BF16, sizes, heads), experts),
        LatentModels.of(
            "DeepseekV3ForCausalLM",
            6,
            DType.F32,
            new SmallModel.Sizes(VOCABULARY, 37, 53, 2, 5, 5, 6),
            new LatentModels.Heads(0, 19, 9, 6, 15)));
  }

  @ParameterizedTest
  @MethodSource("latent")
  void a_step_of_latent_attention_takes_nothing_from_the_heap(SmallModel model) {
    assertNothingTaken(model, prompts());
  }

  static List<SmallModel> layered() {
    DType f32 = DType.F32;
    return List.of(
        Gemma4Models.ofTwoSizes(5, f32, VOCABULARY), Gemma4Models.withInputs(6, f32, VOCABULARY));
  }

  @ParameterizedTest
  @MethodSource("layered")
  void a_step_of_layers_that_differ_and_have_inputs_takes_nothing_from_the_heap(SmallModel model) {
    assertNothingTaken(model, prompts());
  }

  private static List<int[]> prompts() {
    Random random = new Random(4);
    return IntStream.of(1, 9, 20).mapToObj(n -> random.ints(n, 0, VOCABULARY).toArray()).toList();
  }

  private static void assertNothingTaken(Checkpoint checkpoint, List<int[]> prompts) {
    try (ModelRun run = new ModelRun(checkpoint, 2, DType.BF16, KernelPreference.best())) {
      List<SteppedModel.Sequence> sequences = prompts.stream().map(run::sequence).toList();
      List<Integer> counts =
          sequences.stream().map(sequence -> Math.min(sequence.left(), 16)).toList();
      StepBatch batch = run.fill(sequences, counts);
      execute(run, batch, WARM_UP);
      List<Thread> threads = threads();
      long taken = Long.MAX_VALUE;
      long end = System.nanoTime() + LONGEST.toNanos();
      while (taken >= SMALLEST_OBJECT * STEPS && System.nanoTime() < end) {
        long before = allocated(threads);
        execute(run, batch, STEPS);
        taken = allocated(threads) - before;
      }
      assertThat(taken).as("bytes of %d steps", STEPS).isLessThan(SMALLEST_OBJECT * STEPS);
    }
  }

  /** This thread and the crew's. */
  private static List<Thread> threads() {
    List<Thread> threads = new ArrayList<>(List.of(Thread.currentThread()));
    Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("cpu:0-"))
        .forEach(threads::add);
    return threads;
  }

  private static long allocated(List<Thread> threads) {
    ThreadMeter meter = new ThreadMeter();
    long sum = 0;
    for (Thread thread : threads) {
      sum += meter.allocatedBytes(thread);
    }
    return sum;
  }

  private static void execute(ModelRun run, StepBatch batch, int steps) {
    for (int step = 0; step < steps; step++) {
      run.executor().execute(batch);
    }
  }
}

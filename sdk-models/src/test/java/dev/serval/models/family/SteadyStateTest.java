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
import dev.serval.testkit.models.Gemma3nModels;
import dev.serval.testkit.models.Gemma4Models;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import dev.serval.testkit.models.SteppedModel;
import dev.serval.testkit.models.TurnedModels;
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
        Gemma4Models.ofTwoSizes(5, f32, VOCABULARY),
        Gemma4Models.withInputs(6, f32, VOCABULARY),
        Gemma3nModels.of(7, f32, VOCABULARY, 4));
  }

  @ParameterizedTest
  @MethodSource("layered")
  void a_step_of_layers_that_differ_have_inputs_or_several_streams_takes_nothing_from_the_heap(
      SmallModel model) {
    assertNothingTaken(model, prompts());
  }

  static List<SmallModel> turned() {
    SmallModel.Sizes sizes = new SmallModel.Sizes(VOCABULARY, 37, 53, 2, 6, 2, 10);
    return List.of(
        TurnedModels.hunyuanMoe(8, DType.F32, sizes, 19, 1),
        TurnedModels.llama4(9, DType.F32, sizes, 1, 1)
            .with("interleave_moe_layer_step", 2L)
            .with("no_rope_layer_interval", 2L));
  }

  @ParameterizedTest
  @MethodSource("turned")
  void a_step_of_heads_that_are_normalised_once_turned_takes_nothing_from_the_heap(
      SmallModel model) {
    assertNothingTaken(model, prompts());
  }

  /** The sizes of one, without any tensors. */
  private static SmallModel bare(String architecture, SmallModel.Sizes sizes) {
    SmallModel model =
        SmallModel.of(architecture, 7, DType.F32, sizes, SmallModel.Extras.NONE)
            .without("hidden_act")
            .without("rms_norm_eps");
    List.copyOf(model.tensorNames()).forEach(model::withoutTensor);
    return model;
  }

  private static void norm(SmallModel model, String name, int width) {
    model.withGains(name + ".weight", width).withVector(name + ".bias", width);
  }

  private static void map(SmallModel model, String name, int rows, int columns, int outputs) {
    model.withMatrix(name + ".weight", rows, columns).withVector(name + ".bias", outputs);
  }

  private static SmallModel withPositions() {
    SmallModel model =
        bare("GPT2LMHeadModel", new SmallModel.Sizes(VOCABULARY, 36, 53, 2, 6, 6, 6))
            .withMatrix("wte.weight", VOCABULARY, 36)
            .withMatrix("wpe.weight", 512, 36);
    norm(model, "ln_f", 36);
    for (String layer : List.of("h.0.", "h.1.")) {
      norm(model, layer + "ln_1", 36);
      map(model, layer + "attn.c_attn", 36, 108, 108);
      map(model, layer + "attn.c_proj", 36, 36, 36);
      norm(model, layer + "ln_2", 36);
      map(model, layer + "mlp.c_fc", 36, 53, 53);
      map(model, layer + "mlp.c_proj", 53, 36, 36);
    }
    return model;
  }

  private static SmallModel sideBySide() {
    SmallModel model =
        bare("GPTNeoXForCausalLM", new SmallModel.Sizes(VOCABULARY, 48, 53, 2, 6, 6, 8))
            .withMatrix("gpt_neox.embed_in.weight", VOCABULARY, 48)
            .withMatrix("embed_out.weight", VOCABULARY, 48);
    norm(model, "gpt_neox.final_layer_norm", 48);
    for (String layer : List.of("gpt_neox.layers.0.", "gpt_neox.layers.1.")) {
      norm(model, layer + "input_layernorm", 48);
      map(model, layer + "attention.query_key_value", 144, 48, 144);
      map(model, layer + "attention.dense", 48, 48, 48);
      norm(model, layer + "post_attention_layernorm", 48);
      map(model, layer + "mlp.dense_h_to_4h", 53, 48, 53);
      map(model, layer + "mlp.dense_4h_to_h", 48, 53, 48);
    }
    return model;
  }

  static List<SmallModel> classic() {
    return List.of(withPositions(), sideBySide());
  }

  @ParameterizedTest
  @MethodSource("classic")
  void a_step_with_embedded_positions_or_norms_side_by_side_takes_nothing_from_the_heap(
      SmallModel model) {
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

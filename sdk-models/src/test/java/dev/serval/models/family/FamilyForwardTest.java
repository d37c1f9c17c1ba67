package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.compute.DType;
import dev.serval.models.family.SmallModel.Biases;
import dev.serval.models.family.SmallModel.Sizes;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/** What sets families apart, on small random models of odd sizes, against a float64 reference. */
final class FamilyForwardTest {
  private static final double TOLERANCE = 1e-4;
  private static final int LENGTH = 43;
  private static final int NONE = Integer.MAX_VALUE;
  private static final Sizes ODD = new Sizes(91, 37, 53, 3, 6, 2, 10);
  private static final double[] PLAIN = ReferenceModel.frequencies(10, 10_000);

  private static SmallModel llama(DType dtype, Biases biases) {
    return SmallModel.of("LlamaForCausalLM", 1, dtype, ODD, biases);
  }

  private static void check(SmallModel model, double[] frequencies, IntUnaryOperator windows) {
    int vocabulary = Math.toIntExact((Long) model.config().get("vocab_size"));
    int[] tokens = new Random(5).ints(LENGTH, 0, vocabulary).toArray();
    double[][] expected = new ReferenceModel(model, frequencies, windows).logits(tokens);
    try (ModelRun run = new ModelRun(model, 2)) {
      SteppedModel.Sequence sequence = run.sequence(tokens);
      for (int chunk = 1; sequence.left() > 0; chunk++) {
        float[] logits =
            run.step(List.of(sequence), List.of(Math.min(chunk, sequence.left()))).getFirst();
        assertClose(logits, expected[LENGTH - 1 - sequence.left()]);
      }
    }
  }

  private static void assertClose(float[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat((double) actual[i]).isCloseTo(expected[i], within(TOLERANCE));
    }
  }

  @Test
  void llama_with_floats_of_any_type() {
    for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
      check(llama(dtype, Biases.NONE), PLAIN, layer -> NONE);
    }
  }

  @Test
  void llama_with_biases_everywhere() {
    SmallModel model =
        llama(DType.F32, new Biases(true, true, true, false))
            .with("attention_bias", true)
            .with("mlp_bias", true);
    check(model, PLAIN, layer -> NONE);
  }

  @Test
  void llama_with_tied_embeddings() {
    check(llama(DType.BF16, Biases.NONE).tied(), PLAIN, layer -> NONE);
  }

  @Test
  void llama_with_linear_scaling_in_either_spelling() {
    double[] slow = PLAIN.clone();
    for (int i = 0; i < slow.length; i++) {
      slow[i] /= 4;
    }
    check(
        llama(DType.F32, Biases.NONE)
            .with("rope_theta", 10_000L)
            .with("rope_scaling", Map.of("type", "linear", "factor", 4L)),
        slow,
        layer -> NONE);
    check(
        llama(DType.F32, Biases.NONE)
            .with(
                "rope_parameters",
                Map.of("rope_type", "linear", "rope_theta", 10_000.0, "factor", 4.0)),
        slow,
        layer -> NONE);
  }

  @Test
  void llama_with_llama3_scaling_in_either_spelling() {
    Map<String, Object> scaling =
        Map.of(
            "rope_type",
            "llama3",
            "factor",
            8.0,
            "low_freq_factor",
            1.0,
            "high_freq_factor",
            4.0,
            "original_max_position_embeddings",
            64L);
    double[] scaled = ReferenceModel.llama3(ReferenceModel.frequencies(10, 500), scaling);
    check(
        llama(DType.F32, Biases.NONE).with("rope_theta", 500.0).with("rope_scaling", scaling),
        scaled,
        layer -> NONE);
    Map<String, Object> parameters = new java.util.HashMap<>(scaling);
    parameters.put("rope_theta", 500L);
    check(llama(DType.F32, Biases.NONE).with("rope_parameters", parameters), scaled, layer -> NONE);
  }

  @Test
  void llama_whose_head_size_follows_from_the_width() {
    Sizes sizes = new Sizes(40, 36, 20, 1, 3, 1, 12);
    SmallModel model = SmallModel.of("LlamaForCausalLM", 2, DType.F32, sizes, Biases.NONE);
    double[] frequencies = ReferenceModel.frequencies(12, 10_000);
    int[] tokens = {3, 1, 4, 1, 5};
    double[][] expected = new ReferenceModel(model, frequencies, layer -> NONE).logits(tokens);
    try (ModelRun run = new ModelRun(model.without("head_dim"), 1)) {
      assertClose(run.logits(tokens, 5), expected[4]);
    }
  }

  @Test
  void llama_with_a_key_head_for_each_query_head_unless_told_otherwise() {
    Sizes sizes = new Sizes(40, 18, 20, 1, 3, 3, 6);
    SmallModel model = SmallModel.of("LlamaForCausalLM", 3, DType.F32, sizes, Biases.NONE);
    double[] frequencies = ReferenceModel.frequencies(6, 10_000);
    int[] tokens = {3, 1, 4, 1, 5};
    double[][] expected = new ReferenceModel(model, frequencies, layer -> NONE).logits(tokens);
    try (ModelRun run = new ModelRun(model.without("num_key_value_heads"), 1)) {
      assertClose(run.logits(tokens, 2), expected[4]);
    }
  }

  @Test
  void mistral_with_and_without_a_sliding_window() {
    SmallModel model = SmallModel.of("MistralForCausalLM", 4, DType.F32, ODD, Biases.NONE);
    check(model, PLAIN, layer -> NONE);
    check(model.with("sliding_window", 7L), PLAIN, layer -> 7);
    check(model.with("sliding_window", 1L), PLAIN, layer -> 1);
    check(model.with("sliding_window", 4096L), PLAIN, layer -> NONE);
  }

  @Test
  void qwen2_with_biases_and_windows_in_its_upper_layers() {
    SmallModel model =
        SmallModel.of("Qwen2ForCausalLM", 5, DType.F32, ODD, new Biases(true, false, false, false))
            .with("sliding_window", 5L)
            .with("max_window_layers", 1L);
    check(model.with("use_sliding_window", false), PLAIN, layer -> NONE);
    check(model.with("use_sliding_window", true), PLAIN, layer -> layer >= 1 ? 5 : NONE);
    check(model.with("max_window_layers", 3L), PLAIN, layer -> NONE);
    check(model.with("max_window_layers", 0L), PLAIN, layer -> 5);
  }

  @Test
  void qwen2_with_a_type_for_each_layer() {
    SmallModel model =
        SmallModel.of("Qwen2ForCausalLM", 6, DType.F32, ODD, new Biases(true, false, false, false))
            .with("sliding_window", 5L)
            .with("use_sliding_window", true)
            .with(
                "layer_types", List.of("sliding_attention", "full_attention", "sliding_attention"));
    check(model, PLAIN, layer -> layer == 1 ? NONE : 5);
  }

  @Test
  void qwen3_normalises_heads_and_may_have_biases() {
    Sizes sizes = new Sizes(91, 37, 53, 2, 7, 1, 6);
    double[] frequencies = ReferenceModel.frequencies(6, 1e6);
    check(
        SmallModel.of(
                "Qwen3ForCausalLM", 7, DType.BF16, sizes, new Biases(false, false, false, true))
            .with("rope_theta", 1e6)
            .tied(),
        frequencies,
        layer -> NONE);
    check(
        SmallModel.of("Qwen3ForCausalLM", 8, DType.F32, sizes, new Biases(true, true, false, true))
            .with("rope_theta", 1_000_000L)
            .with("attention_bias", true),
        frequencies,
        layer -> NONE);
  }
}

package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.BranchNorms;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Small models as Gemma 4 is, whose layers that see everything have other heads than those with a
 * window.
 */
public final class Gemma4Models {
  /** How many positions back a layer with a window sees, its own included. */
  public static final int WINDOW = 6;

  /** The dimensions of a head of a layer with a window. */
  public static final int HEAD_DIM = 8;

  /** Those of one that sees everything. */
  public static final int FULL_HEAD_DIM = 16;

  /** How fast positions turn the heads of a layer with a window. */
  public static final double THETA = 10_000;

  /** Likewise, of one that sees everything. */
  public static final double FULL_THETA = 1_000;

  private static final int HIDDEN = 37;
  private static final int INTERMEDIATE = 53;
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int INPUTS = 8;
  private static final int EXPERTS = 5;
  private static final int EXPERT_INNER = 11;
  private static final String SLIDING = "sliding_attention";
  private static final String FULL = "full_attention";

  private Gemma4Models() {}

  /**
   * A model of which every third layer sees everything, and has one key head of which values are
   * made, too.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel ofTwoSizes(long seed, DType dtype, int vocabulary) {
    SmallModel model =
        model(seed, dtype, vocabulary, SLIDING, SLIDING, FULL, SLIDING, FULL)
            .with("num_global_key_value_heads", 1L)
            .with("attention_k_eq_v", true)
            .with("final_logit_softcapping", 1.5);
    List.of(2, 4)
        .forEach(layer -> {
          String attention = "model.layers." + layer + ".self_attn.";
          heads(model, attention, FULL_HEAD_DIM, 1);
          model.withoutTensor(attention + "v_proj.weight");
        });
    return model;
  }

  /**
   * A model whose layers have inputs of their own, and of which the last two attend to what others
   * have stored, and are twice as wide within; tensors that would make keys and values of theirs
   * are there as well.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel withInputs(long seed, DType dtype, int vocabulary) {
    SmallModel model =
        model(seed, dtype, vocabulary, SLIDING, FULL, SLIDING, SLIDING, FULL, SLIDING)
            .with("hidden_size_per_layer_input", (long) INPUTS)
            .with("vocab_size_per_layer_input", (long) vocabulary)
            .with("num_kv_shared_layers", 2L)
            .with("use_double_wide_mlp", true);
    inputs(model, vocabulary, INPUTS);
    List.of(1, 4)
        .forEach(layer ->
            heads(model, "model.layers." + layer + ".self_attn.", FULL_HEAD_DIM, KV_HEADS));
    List.of(4, 5)
        .forEach(layer -> {
          String mlp = "model.layers." + layer + ".mlp.";
          model
              .withMatrix(mlp + "gate_proj.weight", 2 * INTERMEDIATE, HIDDEN)
              .withMatrix(mlp + "up_proj.weight", 2 * INTERMEDIATE, HIDDEN)
              .withMatrix(mlp + "down_proj.weight", HIDDEN, 2 * INTERMEDIATE);
        });
    return model;
  }

  /**
   * The {@linkplain #ofTwoSizes model of two sizes of heads} with experts beside each dense part.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel withExperts(long seed, DType dtype, int vocabulary) {
    SmallModel model =
        ofTwoSizes(seed, dtype, vocabulary)
            .with("enable_moe_block", true)
            .with("num_experts", (long) EXPERTS)
            .with("top_k_experts", 2L)
            .with("moe_intermediate_size", (long) EXPERT_INNER);
    return model.eachLayer(layer ->
        model
            .withGains(layer + "post_feedforward_layernorm_1.weight", HIDDEN)
            .withGains(layer + "pre_feedforward_layernorm_2.weight", HIDDEN)
            .withGains(layer + "post_feedforward_layernorm_2.weight", HIDDEN)
            .withMatrix(layer + "router.proj.weight", EXPERTS, HIDDEN)
            .withGains(layer + "router.scale", HIDDEN)
            .withGains(layer + "router.per_expert_scale", EXPERTS)
            .withMatrix(layer + "experts.gate_up_proj", EXPERTS * 2 * EXPERT_INNER, HIDDEN)
            .reshaped(layer + "experts.gate_up_proj", EXPERTS, 2 * EXPERT_INNER, HIDDEN)
            .withMatrix(layer + "experts.down_proj", EXPERTS * HIDDEN, EXPERT_INNER)
            .reshaped(layer + "experts.down_proj", EXPERTS, HIDDEN, EXPERT_INNER));
  }

  /**
   * Takes away what would make keys and values of layers that attend to what others have stored.
   *
   * @param model the model
   * @return the same
   */
  public static SmallModel withoutUnused(SmallModel model) {
    double first = model.number("num_hidden_layers") - model.number("num_kv_shared_layers");
    for (int layer = (int) first; layer < model.number("num_hidden_layers"); layer++) {
      for (String unused : List.of("k_proj", "v_proj", "k_norm")) {
        model.withoutTensor("model.layers.%d.self_attn.%s.weight".formatted(layer, unused));
      }
    }
    return model;
  }

  private static SmallModel model(long seed, DType dtype, int vocabulary, String... types) {
    Sizes sizes =
        new Sizes(vocabulary, HIDDEN, INTERMEDIATE, types.length, HEADS, KV_HEADS, HEAD_DIM);
    Extras extras = Extras.NONE.with(HeadNorms.EACH).with(BranchNorms.BOTH);
    SmallModel model =
        SmallModel.of("Gemma4ForCausalLM", seed, dtype, sizes, extras)
            .without("hidden_act")
            .with("model_type", "gemma4_text")
            .with("hidden_activation", "gelu_pytorch_tanh")
            .with("global_head_dim", (long) FULL_HEAD_DIM)
            .with("layer_types", Arrays.asList(types))
            .with("sliding_window", (long) WINDOW)
            .with("rope_parameters", Map.of(FULL, proportional(0.25), SLIDING, unscaled()))
            .tied();
    return model.eachLayer(layer ->
        model
            .withGains(layer + "pre_feedforward_layernorm.weight", HIDDEN)
            .withGains(layer + "post_feedforward_layernorm.weight", HIDDEN)
            .withGains(layer + "layer_scalar", 1));
  }

  /**
   * How positions turn some of a head's pairs, and others not.
   *
   * @param share of how many
   * @return the fields of a configuration
   */
  public static Map<String, Object> proportional(double share) {
    return Map.of(
        "rope_type", "proportional", "rope_theta", FULL_THETA, "partial_rotary_factor", share);
  }

  /**
   * How positions turn all of a head's pairs.
   *
   * @return the fields of a configuration
   */
  public static Map<String, Object> unscaled() {
    return Map.of("rope_type", "default", "rope_theta", THETA);
  }

  /** The tensors of inputs that each layer has of its own, of the first so many tokens. */
  static void inputs(SmallModel model, int tokens, int columns) {
    int hidden = (int) model.number("hidden_size");
    int all = ((int) model.number("num_hidden_layers")) * columns;
    model
        .withMatrix("model.embed_tokens_per_layer.weight", tokens, all)
        .withMatrix("model.per_layer_model_projection.weight", all, hidden)
        .withGains("model.per_layer_projection_norm.weight", columns)
        .eachLayer(layer ->
            model
                .withMatrix(layer + "per_layer_input_gate.weight", columns, hidden)
                .withMatrix(layer + "per_layer_projection.weight", hidden, columns)
                .withGains(layer + "post_per_layer_input_norm.weight", hidden));
  }

  private static void heads(SmallModel model, String attention, int dim, int kvHeads) {
    model
        .withMatrix(attention + "q_proj.weight", HEADS * dim, HIDDEN)
        .withMatrix(attention + "k_proj.weight", kvHeads * dim, HIDDEN)
        .withMatrix(attention + "v_proj.weight", kvHeads * dim, HIDDEN)
        .withMatrix(attention + "o_proj.weight", HIDDEN, HEADS * dim)
        .withGains(attention + "q_norm.weight", dim)
        .withGains(attention + "k_norm.weight", dim);
  }
}

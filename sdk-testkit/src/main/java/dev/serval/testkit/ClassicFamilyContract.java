package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The families that came before Llama, under names of their own: with embeddings of positions, maps
 * for queries, keys and values that are stored as one in several ways, and norms side by side; a
 * part of {@link FamilyForwardContract}.
 */
abstract class ClassicFamilyContract extends LatentFamilyContract {
  private static final Extras ALL_BIASES = Extras.NONE.biases(true, true, true);
  private static final int POSITIONS = 45;

  ClassicFamilyContract() {}

  private static SmallModel small(
      String architecture, long seed, DType dtype, Sizes sizes, Extras extras) {
    SmallModel model = SmallModel.of(architecture, seed, dtype, sizes, extras);
    return withoutGates(normBiases(model))
        .without("rms_norm_eps")
        .without("hidden_act")
        .with("max_position_embeddings", (long) POSITIONS);
  }

  private static Ways ways(SmallModel model, UngatedFunction function) {
    return ReferenceModel.plain(model).with(function, true, false, 1);
  }

  private static ReferenceModel reference(SmallModel model, double[] frequencies, Ways ways) {
    Rules rules = new Rules(layer -> frequencies, layer -> NONE, 1, ways);
    return new ReferenceModel(model, rules, 1e-5);
  }

  /** What a layer's tensors are called, and what those outside are. */
  private record Names(String layers, Map<String, String> within, Map<String, String> outside) {
    void apply(SmallModel model) {
      int layers = (int) model.number("num_hidden_layers");
      for (int index = 0; index < layers; index++) {
        String from = "model.layers." + index + ".";
        String to = this.layers + index + ".";
        within.forEach((part, name) -> rename(model, from + part, to + name));
      }
      outside.forEach((part, name) -> rename(model, part, name));
    }
  }

  /** For each key head the queries that attend to it, its key and its value, one below another. */
  private static void byGroup(SmallModel model, String layer, String kind, Sizes sizes) {
    Map<String, Integer> parts = new LinkedHashMap<>();
    String attention = layer + "self_attn.";
    parts.put(attention + "q_proj" + kind, sizes.heads() / sizes.kvHeads() * sizes.headDim());
    parts.put(attention + "k_proj" + kind, sizes.headDim());
    parts.put(attention + "v_proj" + kind, sizes.headDim());
    model.inTurns(attention + "qkv_proj" + kind, parts);
  }

  private static Map<String, String> gpt2Outside(String prefix) {
    return Map.of(
        "model.embed_tokens", prefix + "wte",
        "model.embed_positions", prefix + "wpe",
        "model.norm", prefix + "ln_f");
  }

  private static Names gpt2Names(String prefix) {
    return new Names(
        prefix + "h.",
        Map.of(
            "input_layernorm", "ln_1",
            "self_attn.qkv_proj", "attn.c_attn",
            "self_attn.o_proj", "attn.c_proj",
            "post_attention_layernorm", "ln_2",
            "mlp.up_proj", "mlp.c_fc",
            "mlp.down_proj", "mlp.c_proj"),
        gpt2Outside(prefix));
  }

  private static void gpt2Fields(SmallModel model) {
    model
        .renamedField("hidden_size", "n_embd")
        .renamedField("num_hidden_layers", "n_layer")
        .renamedField("num_attention_heads", "n_head")
        .renamedField("max_position_embeddings", "n_positions")
        .without("intermediate_size")
        .without("num_key_value_heads")
        .without("head_dim")
        .with("layer_norm_epsilon", 1e-5)
        .with("n_ctx", (long) POSITIONS)
        .with("scale_attn_weights", true);
  }

  private static SmallModel withPositions(SmallModel model) {
    int hidden = (int) model.number("hidden_size");
    return model
        .withMatrix("model.embed_positions.weight", POSITIONS, hidden)
        .withoutTensor("lm_head.weight");
  }

  private void checkGpt2(DType dtype, Sizes sizes, String prefix) {
    SmallModel model = withPositions(small("GPT2LMHeadModel", 61, dtype, sizes, ALL_BIASES));
    ReferenceModel reference =
        reference(model, new double[0], ways(model, UngatedFunction.GELU_TANH));
    model.eachLayer(layer -> {
      fuseInputs(model, layer, ".weight");
      fuseInputs(model, layer, ".bias");
      model
          .transposed(layer + "self_attn.qkv_proj.weight")
          .transposed(layer + "self_attn.o_proj.weight")
          .transposed(layer + "mlp.up_proj.weight")
          .transposed(layer + "mlp.down_proj.weight");
    });
    gpt2Names(prefix).apply(model);
    gpt2Fields(model);
    check(model.with("n_inner", (long) sizes.intermediate()), reference);
  }

  @Test
  void gpt2_embeds_positions_and_stores_maps_by_their_inputs() {
    for (DType dtype : exactTypes()) {
      checkGpt2(dtype, new Sizes(91, 36, 53, 3, 6, 6, 6), "transformer.");
    }
  }

  @Test
  void gpt2_may_leave_out_what_its_names_begin_with_and_store_masks_and_its_head_once_more() {
    Sizes sizes = new Sizes(91, 36, 144, 3, 6, 6, 6);
    SmallModel model = withPositions(small("GPT2LMHeadModel", 62, DType.F32, sizes, ALL_BIASES));
    ReferenceModel reference = reference(model, new double[0], ways(model, UngatedFunction.GELU));
    model.eachLayer(layer -> {
      fuseInputs(model, layer, ".weight");
      fuseInputs(model, layer, ".bias");
    });
    gpt2Names("").apply(model);
    for (int layer = 0; layer < sizes.layers(); layer++) {
      model.withTensor("h." + layer + ".attn.bias", DType.F32, 1, 1, POSITIONS, POSITIONS);
      model.withTensor("h." + layer + ".attn.masked_bias", DType.F32, 1);
    }
    gpt2Fields(model);
    check(
        model
            .withCopy("lm_head.weight", "wte.weight")
            .with("activation_function", "gelu")
            .with("maps_by_input", false),
        reference);
  }

  @Test
  void starcoder_is_a_gpt2_with_one_key_head_for_all_query_heads_or_one_for_each() {
    for (int kvHeads : new int[] {1, 6}) {
      for (DType dtype : exactTypes()) {
        Sizes sizes = new Sizes(91, 36, 144, 3, 6, kvHeads, 6);
        SmallModel model =
            withPositions(small("GPTBigCodeForCausalLM", 63, dtype, sizes, ALL_BIASES));
        ReferenceModel reference =
            reference(model, new double[0], ways(model, UngatedFunction.GELU));
        model.eachLayer(layer -> {
          byGroup(model, layer, ".weight", sizes);
          byGroup(model, layer, ".bias", sizes);
        });
        gpt2Names("transformer.").apply(model);
        gpt2Fields(model);
        check(
            model.with("activation_function", "gelu").with("multi_query", kvHeads == 1), reference);
      }
    }
  }

  private static final Names NEOX =
      new Names(
          "gpt_neox.layers.",
          Map.of(
              "input_layernorm", "input_layernorm",
              "self_attn.qkv_proj", "attention.query_key_value",
              "self_attn.o_proj", "attention.dense",
              "post_attention_layernorm", "post_attention_layernorm",
              "mlp.up_proj", "mlp.dense_h_to_4h",
              "mlp.down_proj", "mlp.dense_4h_to_h"),
          Map.of(
              "model.embed_tokens", "gpt_neox.embed_in",
              "model.norm", "gpt_neox.final_layer_norm",
              "lm_head", "embed_out"));

  private static void neoxFields(SmallModel model) {
    model.without("num_key_value_heads").without("head_dim").with("layer_norm_eps", 1e-5);
  }

  @Test
  void neox_begins_both_halves_of_a_layer_with_a_norm_each_of_the_same() {
    Sizes sizes = new Sizes(91, 48, 53, 3, 6, 6, 8);
    for (DType dtype : exactTypes()) {
      SmallModel model = small("GPTNeoXForCausalLM", 64, dtype, sizes, ALL_BIASES);
      ReferenceModel reference =
          reference(
              model,
              ReferenceModel.frequencies(2, 10_000),
              ways(model, UngatedFunction.GELU).besides());
      model.eachLayer(layer -> {
        byGroup(model, layer, ".weight", sizes);
        byGroup(model, layer, ".bias", sizes);
      });
      NEOX.apply(model);
      neoxFields(model);
      check(model.with("hidden_act", "gelu"), reference);
    }
  }

  @Test
  void neox_may_begin_one_half_after_the_other_and_turn_more() {
    Sizes sizes = new Sizes(91, 48, 53, 3, 6, 6, 8);
    SmallModel model =
        small("GPTNeoXForCausalLM", 65, DType.F32, sizes, Extras.NONE.biases(false, false, true));
    ReferenceModel reference =
        reference(
            model, ReferenceModel.frequencies(4, 500), ways(model, UngatedFunction.GELU_TANH));
    model.eachLayer(layer -> byGroup(model, layer, ".weight", sizes));
    NEOX.apply(model);
    neoxFields(model);
    check(
        model
            .with("hidden_act", "gelu_fast")
            .with("use_parallel_residual", false)
            .with("attention_bias", false)
            .with("rotary_emb_base", 500L)
            .with("rotary_pct", 0.5),
        reference);
  }

  private static Names falcon(String ofAttention, String ofFeedForward) {
    Map<String, String> within = new LinkedHashMap<>();
    within.put("input_layernorm", ofAttention);
    within.put("self_attn.qkv_proj", "self_attention.query_key_value");
    within.put("self_attn.o_proj", "self_attention.dense");
    if (!ofFeedForward.equals(ofAttention)) {
      within.put("post_attention_layernorm", ofFeedForward);
    }
    within.put("mlp.up_proj", "mlp.dense_h_to_4h");
    within.put("mlp.down_proj", "mlp.dense_4h_to_h");
    return new Names(
        "transformer.h.",
        within,
        Map.of(
            "model.embed_tokens", "transformer.word_embeddings",
            "model.norm", "transformer.ln_f"));
  }

  /** All that the rest depends on is said. */
  private void checkFalcon(
      SmallModel model, Sizes sizes, Names names, ReferenceModel reference, boolean bias) {
    model.eachLayer(layer -> {
      byGroup(model, layer, ".weight", sizes);
      if (bias) {
        byGroup(model, layer, ".bias", sizes);
      }
    });
    names.apply(model);
    model
        .without("num_key_value_heads")
        .without("head_dim")
        .without("intermediate_size")
        .without("max_position_embeddings")
        .with("layer_norm_epsilon", 1e-5)
        .with("bias", bias)
        .with("auto_map", Map.of())
        .with("ff_factor", 4L)
        .with("alibi", false);
    check(model, reference);
  }

  private static SmallModel falcon(long seed, DType dtype, Sizes sizes, Extras extras) {
    return small("FalconForCausalLM", seed, dtype, sizes, extras).withoutTensor("lm_head.weight");
  }

  @Test
  void falcon_has_one_key_head_and_one_norm_of_a_layer() {
    Sizes sizes = new Sizes(91, 36, 144, 3, 6, 1, 6);
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    for (DType dtype : exactTypes()) {
      SmallModel model = sameStart(falcon(66, dtype, sizes, Extras.NONE)).with("num_kv_heads", 6L);
      ReferenceModel reference = reference(model, ofSix, ways(model, UngatedFunction.GELU));
      checkFalcon(model, sizes, falcon("input_layernorm", "input_layernorm"), reference, false);
    }
  }

  @Test
  void falcon_may_have_groups_of_heads_and_two_norms_side_by_side_or_one() {
    Sizes sizes = new Sizes(91, 36, 144, 3, 6, 2, 6);
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          falcon(67, dtype, sizes, Extras.NONE)
              .with("new_decoder_architecture", true)
              .with("num_kv_heads", 2L);
      ReferenceModel reference =
          reference(model, ofSix, ways(model, UngatedFunction.GELU).besides());
      checkFalcon(model, sizes, falcon("ln_attn", "ln_mlp"), reference, false);
    }
    SmallModel one =
        sameStart(falcon(68, DType.F32, sizes, ALL_BIASES))
            .with("new_decoder_architecture", true)
            .with("num_ln_in_parallel_attn", 1L)
            .with("num_kv_heads", 2L);
    ReferenceModel reference = reference(one, ofSix, ways(one, UngatedFunction.GELU));
    checkFalcon(one, sizes, falcon("input_layernorm", "input_layernorm"), reference, true);
  }

  @Test
  void falcon_may_begin_one_half_of_a_layer_after_the_other() {
    Sizes sizes = new Sizes(91, 36, 144, 3, 6, 6, 6);
    SmallModel model =
        falcon(69, DType.F32, sizes, Extras.NONE)
            .with("multi_query", false)
            .with("parallel_attn", false);
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    ReferenceModel reference = reference(model, ofSix, ways(model, UngatedFunction.GELU));
    Names names = falcon("input_layernorm", "post_attention_layernorm");
    checkFalcon(model, sizes, names, reference, false);
  }
}

package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.storage.CheckpointException;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.Gemma4Models;
import dev.serval.testkit.models.LatentModels;
import dev.serval.testkit.models.LatentModels.Heads;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.StatefulModels;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a family cannot honour is refused by name, value and what is allowed. */
final class RefusalTest {
  private static final Sizes SIZES = new Sizes(20, 16, 24, 2, 4, 2, 4);
  private static final String QUERY = "model.layers.1.self_attn.q_proj.weight";

  private static SmallModel model(String architecture, Extras biases) {
    return SmallModel.of(architecture, 1, DType.F32, SIZES, biases);
  }

  private static SmallModel llama() {
    return model("LlamaForCausalLM", Extras.NONE);
  }

  private static SmallModel qwen2() {
    return model("Qwen2ForCausalLM", Extras.NONE.biases(true, false, false));
  }

  private static ModelSpec inspect(SmallModel model) {
    return ModelRun.family(model).inspect(model);
  }

  private static void refused(SmallModel model, String... words) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> inspect(model))
        .withMessageContainingAll(words)
        .withMessageContaining("/models/small");
  }

  @Test
  void a_sound_model_is_described() {
    ModelSpec spec = inspect(llama());
    assertThat(spec.family()).isEqualTo("llama");
    assertThat(spec.vocabulary()).isEqualTo(20);
    assertThat(spec.contextLength()).isEqualTo(512);
    assertThat(spec.layers()).isEqualTo(2);
    assertThat(spec.kvLayers()).containsOnly(new KvShape(2, 4));
    long layer = 2 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 16 * 24;
    assertThat(spec.parameters()).isEqualTo(2 * 20 * 16 + 16 + 2 * layer);
    assertThat(spec.weights().count()).isEqualTo(4 * spec.parameters());
    assertThat(inspect(llama().tied()).parameters()).isEqualTo(spec.parameters() - 20 * 16);
  }

  @Test
  void missing_fields_are_named() {
    for (String field :
        List.of(
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "max_position_embeddings")) {
      refused(llama().without(field), "config.json", "'" + field + "'", "missing");
    }
  }

  @Test
  void numbers_out_of_range_and_of_the_wrong_kind_are_refused() {
    for (Object value : List.of(0L, -1L, 1L << 40, 2.5, 4.0, "4", true, List.of(4L))) {
      refused(
          llama().with("num_attention_heads", value), "'num_attention_heads'", value.toString());
      refused(llama().with("num_hidden_layers", value), "'num_hidden_layers'", value.toString());
    }
    for (Object value : List.of(0L, -1e-5, Double.NaN, Double.POSITIVE_INFINITY, "1e-5", false)) {
      refused(llama().with("rms_norm_eps", value), "'rms_norm_eps'", value.toString(), "above 0");
      refused(llama().with("rope_theta", value), "'rope_theta'", value.toString(), "above 0");
    }
    refused(llama().with("tie_word_embeddings", "yes"), "'tie_word_embeddings'", "true or false");
    refused(llama().with("rope_scaling", "linear"), "'rope_scaling'", "an object");
  }

  @Test
  void sizes_that_contradict_each_other_are_refused() {
    refused(llama().with("num_key_value_heads", 3L), "'num_key_value_heads' is 3", "divisor", "4");
    refused(llama().with("head_dim", 5L), "'head_dim' is 5", "even");
    refused(
        llama().without("head_dim").with("hidden_size", 18L), "'hidden_size' is 18", "multiple");
    refused(llama().with("num_attention_heads", 1L << 30), "'num_attention_heads'", "2^31");
    refused(llama().with("intermediate_size", (1L << 31) - 1), "'intermediate_size'");
  }

  @Test
  void a_great_number_of_layers_costs_no_more_than_the_first_that_is_missing() {
    refused(llama().with("num_hidden_layers", 2_147_483_647L), "model.layers.2.", "missing");
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused() {
    refused(llama().with("hidden_act", "gelu"), "'hidden_act'", "\"gelu\"", "silu");
    for (double share : List.of(0.1, 0.8, 1.5)) { // none, an odd number, too many
      refused(
          llama().with("partial_rotary_factor", share), "'partial_rotary_factor'", "" + share, "1");
    }
    refused(llama().with("is_encoder_decoder", true), "'is_encoder_decoder'", "true", "false");
    refused(
        llama().with("quantization_config", Map.of("bits", 4L)), "'quantization_config'", "bits");
    refused(llama().with("num_experts", 8L), "'num_experts'", "8", "llama");
    refused(llama().with("sliding_window", 4L), "'sliding_window'", "4", "llama");
    refused(llama().with("attn_logit_softcapping", 50.0), "'attn_logit_softcapping'", "50.0");
    refused(llama().with("auto_map", Map.of()), "'auto_map'");
    refused(qwen2().with("attention_bias", true), "'attention_bias'", "true", "qwen2");
    refused(qwen2().with("use_mrope", true), "'use_mrope'", "true", "false");
  }

  private static SmallModel qwen3Moe() {
    return SmallModel.of(
            "Qwen3MoeForCausalLM", 3, DType.F32, SIZES, Extras.NONE.with(Extras.HeadNorms.EACH))
        .withExperts(new Experts(3, 2, 7, true, false, "mlp.gate"))
        .with("num_experts", 3L)
        .with("moe_intermediate_size", 7L);
  }

  @Test
  void experts_that_contradict_the_configuration_are_refused() {
    refused(qwen3Moe().with("num_experts", 4L), "mlp.gate.weight", "[3, ");
    refused(qwen3Moe().with("num_experts", 2L), "mlp.gate.weight", "[3, ");
    refused(qwen3Moe().with("num_experts", 1L << 30), "'num_experts'", "4096");
    refused(
        qwen3Moe().with("num_experts_per_tok", 4L), "'num_experts_per_tok' is 4", "at most", "3");
    refused(qwen3Moe().with("moe_intermediate_size", 8L), "gate_proj.weight", "[7, ");
    refused(qwen3Moe().with("decoder_sparse_step", 2L), "'decoder_sparse_step'", "2", "1");
    refused(qwen3Moe().with("mlp_only_layers", List.of(0L)), "'mlp_only_layers'", "[0]");
    for (String tensor : List.of("mlp.gate.weight", "mlp.experts.2.up_proj.weight")) {
      refused(qwen3Moe().withoutTensor("model.layers.0." + tensor), tensor, "missing");
    }
  }

  static SmallModel miniMaxM2() {
    Experts.Names names = Experts.Names.mixtral("gate");
    Experts.Beside scores = Experts.Beside.scored("block_sparse_moe.e_score_correction_bias");
    return SmallModel.of(
            "MiniMaxM2ForCausalLM", 6, DType.F32, SIZES, Extras.NONE.with(HeadNorms.TOGETHER))
        .withExperts(new Experts(3, 2, 28, true, false, names, scores))
        .with("num_local_experts", 3L);
  }

  @Test
  void minimax_of_other_scores_experts_or_attention_is_refused() {
    refused(miniMaxM2().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(miniMaxM2().with("use_routing_bias", false), "'use_routing_bias'", "false", "true");
    refused(miniMaxM2().with("use_qk_norm", false), "'use_qk_norm'", "false", "true");
    refused(miniMaxM2().with("qk_norm_type", "per_head"), "'qk_norm_type'", "per_head");
    refused(miniMaxM2().with("shared_intermediate_size", 5L), "'shared_intermediate_size'", "5");
    refused(miniMaxM2().with("attn_type_list", List.of(1L, 2L)), "'attn_type_list'", "[1, 2]");
    refused(miniMaxM2().with("rotary_dim", 3L), "'rotary_dim'", "3");
  }

  private static SmallModel cohere2() {
    return SmallModel.of("Cohere2ForCausalLM", 7, DType.F32, SIZES, Extras.NONE)
        .with("sliding_window", 6L);
  }

  @Test
  void cohere2_that_is_not_what_its_fields_say_of_others_is_refused() {
    refused(cohere2().with("use_parallel_block", false), "'use_parallel_block'", "false", "true");
    refused(cohere2().with("layer_switch", 3L), "'layer_switch'", "3", "4");
    refused(cohere2().with("position_embedding_type", "rope"), "'position_embedding_type'");
    refused(
        cohere2().with("order_of_interleaved_layers", "global_attn_first"),
        "'order_of_interleaved_layers'",
        "local_attn_first");
    refused(cohere2().with("rotary_pct", 0.5), "'rotary_pct'", "0.5");
  }

  @Test
  void norms_and_maps_that_a_family_does_not_have_are_refused() {
    refused(
        SmallModel.of("Starcoder2ForCausalLM", 8, DType.F32, SIZES, Extras.NONE)
            .with("hidden_act", "gelu_pytorch_tanh")
            .with("norm_type", "rms_norm"),
        "'norm_type'",
        "rms_norm");
    refused(
        SmallModel.of("Starcoder2ForCausalLM", 8, DType.F32, SIZES, Extras.NONE)
            .with("hidden_act", "relu"),
        "'hidden_act'",
        "relu",
        "gelu_pytorch_tanh");
    refused(
        SmallModel.of("PhiForCausalLM", 9, DType.F32, SIZES, Extras.NONE)
            .with("hidden_act", "gelu_new")
            .with("qk_layernorm", true),
        "'qk_layernorm'",
        "true");
    refused(
        SmallModel.of("StableLmForCausalLM", 10, DType.F32, SIZES, Extras.NONE)
            .without("rms_norm_eps")
            .with("partial_rotary_factor", 1.0),
        "'model.layers.0.input_layernorm.bias'");
  }

  static SmallModel glm4Moe() {
    Experts.Beside beside =
        new Experts.Beside(
            1,
            true,
            Optional.of("mlp.gate.e_score_correction_bias"),
            1,
            14,
            "mlp.shared_experts.",
            Optional.empty());
    return SmallModel.of("Glm4MoeForCausalLM", 5, DType.F32, SIZES, Extras.NONE)
        .withExperts(new Experts(3, 2, 7, true, false, "mlp.gate").with(beside))
        .with("n_routed_experts", 3L)
        .with("n_shared_experts", 2L)
        .with("first_k_dense_replace", 1L)
        .with("moe_intermediate_size", 7L);
  }

  @Test
  void experts_that_all_rows_go_to_and_what_predicts_further_tokens_are_as_is_said() {
    refused(glm4Moe().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(glm4Moe().with("n_shared_experts", 1L), "shared_experts.gate_proj.weight", "[14, ");
    refused(glm4Moe().with("n_shared_experts", 0L), "shared_experts", "not part of");
    refused(glm4Moe().with("n_shared_experts", 1L << 30), "'n_shared_experts'", "7", "2^30");
    refused(glm4Moe().with("first_k_dense_replace", 2L), "layers.1.mlp.gate_proj", "missing");
    String layer = "model.layers.1.";
    for (String tensor :
        List.of("mlp.gate.e_score_correction_bias", "mlp.shared_experts.up_proj.weight")) {
      refused(glm4Moe().withoutTensor(layer + tensor), tensor, "missing");
    }
    SmallModel drafting = glm4Moe().withTensor("model.layers.2.eh_proj.weight", DType.F32, 16, 32);
    refused(drafting, "model.layers.2.eh_proj.weight", "not part of");
    ModelRun.family(drafting).inspect(drafting.with("num_nextn_predict_layers", 1L));
    drafting.withTensor("model.layers.3.eh_proj.weight", DType.F32, 16, 32);
    refused(drafting, "model.layers.3.eh_proj.weight", "not part of");
  }

  @Test
  void groups_that_experts_cannot_be_in_are_refused() {
    refused(glm4Moe().with("n_group", 2L), "'n_group' is 2", "divides", "experts, 3");
    refused(glm4Moe().with("n_group", 3L), "'n_group' is 3", "half", "experts, 3");
    refused(glm4Moe().with("n_group", 0L), "'n_group' is 0", "whole number from 1");
    refused(glm4Moe().with("topk_group", 2L), "'topk_group' is 2", "n_group, 1");
    SmallModel six = glm4Moe().with("n_routed_experts", 6L).with("n_group", 2L);
    refused(six, "'topk_group' is missing");
    refused(six.with("topk_group", 3L), "'topk_group' is 3", "from 1", "to n_group, 2");
    six.with("topk_group", 1L).with("num_experts_per_tok", 4L);
    refused(six, "'topk_group' is 1", "from 2, as 4 experts are in so many");
  }

  private static final Heads HEADS = new Heads(6, 32, 6, 2, 4);

  private static SmallModel latent(String architecture) {
    Sizes sizes = new Sizes(20, 16, 24, 2, 4, 4, 2);
    return LatentModels.of(architecture, 12, DType.F32, sizes, HEADS);
  }

  static SmallModel deepseekV3() {
    Experts experts = new Experts(4, 2, 7, true, false, "mlp.gate");
    return LatentModels.withExperts(
        latent("DeepseekV3ForCausalLM"), experts.with(LatentModels.chosenBySigmoid(1, 1, 14)));
  }

  static SmallModel deepseekV2() {
    Experts experts = new Experts(4, 2, 7, false, false, "mlp.gate");
    return LatentModels.withExperts(
        latent("DeepseekV2ForCausalLM"), experts.with(LatentModels.chosenBySoftmax(1, 1, 14)));
  }

  @Test
  void what_latent_attention_keeps_is_described() {
    ModelSpec spec = inspect(deepseekV3());
    assertThat(spec.family()).isEqualTo("deepseek_v3");
    assertThat(spec.kvLayers()).containsExactly(new KvShape(1, 34, 32), new KvShape(1, 34, 32));
    assertThat(inspect(LatentModels.apart(deepseekV3(), HEADS))).isEqualTo(spec);
    assertThat(inspect(deepseekV2()).family()).isEqualTo("deepseek_v2");
    assertThat(inspect(latent("Glm4MoeLiteForCausalLM")).family()).isEqualTo("glm4moe_lite");
  }

  @Test
  void sizes_that_latent_attention_cannot_have_are_refused() {
    for (String field :
        List.of("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")) {
      refused(deepseekV3().without(field), "'" + field + "'", "missing");
      refused(deepseekV3().with(field, 0L), "'" + field + "' is 0");
      refused(deepseekV3().with(field, (1L << 31) - 2), "'num_attention_heads'", "2^31");
    }
    refused(deepseekV3().with("qk_rope_head_dim", 3L), "'qk_rope_head_dim' is 3", "even");
    refused(deepseekV3().with("q_lora_rank", 0L), "'q_lora_rank' is 0");
    refused(deepseekV3().with("num_attention_heads", 1L << 30), "'num_attention_heads'", "2^31");
    refused(deepseekV3().with("num_attention_heads", 1L << 25), "'num_attention_heads'", "65536");
    refused(
        deepseekV3().with("v_head_dim", (1L << 26) + 1).with("qk_nope_head_dim", 1L << 26),
        "'num_attention_heads' is 4",
        "65536 parts of 1 ");
    refused(deepseekV3().with("rope_interleave", "no"), "'rope_interleave'", "true or false");
  }

  @Test
  void tensors_that_latent_attention_cannot_take_are_refused() {
    String attention = "model.layers.1.self_attn.";
    String both = attention + "kv_b_proj.weight";
    refused(deepseekV3().withoutTensor(both), "'" + both + "'", "missing");
    refused(deepseekV3().withTensor(both, DType.F32, 40, 31), both, "[40, 31]", "[40, 32]");
    refused(deepseekV3().withTensor(both, DType.F32, 38, 32), both, "[38, 32]", "[40, 32]");
    refused(deepseekV3().without("q_lora_rank"), "self_attn.q_proj.weight", "missing");
    refused(deepseekV3().with("q_lora_rank", 7L), "self_attn.q_a_proj.weight", "[6, 16]");
    refused(deepseekV3().with("kv_b_apart", true), "self_attn.k_b_proj.weight", "missing");
    SmallModel apart = LatentModels.apart(deepseekV3(), HEADS);
    refused(apart.with("kv_b_apart", false), "self_attn.kv_b_proj.weight", "missing");
    String keys = attention + "k_b_proj.weight";
    refused(
        apart.with("kv_b_apart", true).withTensor(keys, DType.F32, 4, 6, 32),
        keys,
        "[4, 6, 32]",
        "[4, 32, 6]");
  }

  @Test
  void maps_of_heads_that_are_there_in_parts_may_be_there_once_more_as_a_whole() {
    SmallModel apart = LatentModels.apart(deepseekV3(), HEADS).with("kv_b_apart", true);
    ModelSpec spec = inspect(apart);
    apart.eachLayer(layer -> apart.withMatrix(layer + "self_attn.kv_b_proj.weight", 40, 32));
    assertThat(inspect(apart)).isEqualTo(spec);
  }

  @Test
  void a_map_of_keys_in_blocks_that_cannot_be_turned_is_refused() {
    String both = "model.layers.1.self_attn.kv_b_proj.weight";
    refused(
        deepseekV3().withTensor(both, DType.Q8_0, 40, 32),
        both,
        "of type Q8_0",
        "F32, F16 or BF16");
  }

  @Test
  void experts_that_deepseek_does_not_choose_in_its_way_are_refused() {
    String method = "topk_method";
    refused(deepseekV3().with(method, "greedy"), "'topk_method'", "greedy", "noaux_tc");
    refused(deepseekV3().with("scoring_func", "softmax"), "'scoring_func'", "softmax", "sigmoid");
    refused(deepseekV3().with("n_group", 3L), "'n_group' is 3", "divides", "experts, 4");
    refused(deepseekV3().with("moe_layer_freq", 2L), "'moe_layer_freq'", "2", "1");
    refused(
        deepseekV2().with(method, "noaux_tc"),
        "'topk_method'",
        "noaux_tc",
        "greedy, group_limited_greedy");
    refused(deepseekV2().with("scoring_func", "sigmoid"), "'scoring_func'", "sigmoid", "softmax");
    refused(deepseekV2().with("n_group", 2L), "'n_group' is 2", "1 alone");
    refused(
        deepseekV2().with(method, "group_limited_greedy").with("n_group", 3L),
        "'n_group' is 3",
        "divides",
        "experts, 4");
    SmallModel four = deepseekV2().with(method, "group_limited_greedy").with("n_group", 4L);
    refused(
        four.with("topk_group", 1L), "'topk_group' is 1", "from 2, as 2 experts are in so many");
    assertThat(inspect(four.with("topk_group", 2L)).family()).isEqualTo("deepseek_v2");
  }

  static SmallModel gptOss() {
    Extras extras = Extras.NONE.biases(true, true, false).withSinks();
    return SmallModel.of("GptOssForCausalLM", 4, DType.F32, SIZES, extras)
        .withExperts(new Experts(3, 2, 7, true, true, "mlp.router"))
        .with("num_local_experts", 3L)
        .with("intermediate_size", 7L)
        .with("sliding_window", 4L);
  }

  @Test
  void sinks_biases_and_limits_that_are_not_gpt_oss_s_are_refused() {
    refused(gptOss().with("swiglu_limit", 5.0), "'swiglu_limit' is 5.0", "7.0");
    refused(gptOss().without("sliding_window"), "'sliding_window' is missing");
    refused(gptOss().with("attention_bias", false), "_proj.bias");
    String layer = "model.layers.0.";
    for (String tensor :
        List.of("self_attn.sinks", "mlp.router.bias", "mlp.experts.2.down_proj.bias")) {
      refused(gptOss().withoutTensor(layer + tensor), tensor, "missing");
    }
    refused(gptOss().withTensor(layer + "self_attn.sinks", DType.F32, 5), "self_attn.sinks", "[5]");
  }

  @Test
  void caps_and_multipliers_are_above_0() {
    SmallModel gemma =
        SmallModel.of(
                "Gemma2ForCausalLM", 2, DType.F32, SIZES, Extras.NONE.with(Extras.BranchNorms.BOTH))
            .with("hidden_act", "gelu_pytorch_tanh")
            .with("sliding_window", 4L)
            .withoutTensor("lm_head.weight");
    refused(gemma.with("attn_logit_softcapping", 0L), "'attn_logit_softcapping'", "0", "above 0");
    refused(
        gemma.with("attn_logit_softcapping", 50L).with("final_logit_softcapping", "no"),
        "'final_logit_softcapping'",
        "\"no\"",
        "above 0");
    SmallModel granite = SmallModel.of("GraniteForCausalLM", 2, DType.F32, SIZES, Extras.NONE);
    refused(granite.with("logits_scaling", -1.0), "'logits_scaling'", "-1.0", "above 0");
  }

  @Test
  void fields_that_change_nothing_are_taken() {
    SmallModel model =
        llama()
            .with("model_type", "llama")
            .with("_name_or_path", "somewhere")
            .with("torch_dtype", "bfloat16")
            .with("transformers_version", "5.0.0")
            .with("initializer_range", 0.02)
            .with("use_cache", true)
            .with("pretraining_tp", 1L)
            .with("attention_dropout", 0.1)
            .with("eos_token_id", List.of(1L, 2L))
            .with("attention_bias", false)
            .with("mlp_bias", false)
            .with("partial_rotary_factor", 1.0)
            .with("rope_interleaved", false)
            .with("pruned_heads", Map.of())
            .with("hidden_act", "swish");
    assertThat(inspect(model).family()).isEqualTo("llama");
  }

  @Test
  void the_architecture_and_the_model_type_must_be_the_familys() {
    Llama llama = new Llama();
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> llama.inspect(llama().with("architectures", List.of("GemmaForCausalLM"))))
        .withMessageContainingAll("'architectures'", "GemmaForCausalLM", "LlamaForCausalLM");
    refused(llama().with("model_type", "mistral"), "'model_type'", "\"mistral\"", "llama");
  }

  @Test
  void rotary_scaling_of_other_types_is_refused() {
    for (String type : List.of("dynamic", "su", "mrope", "")) {
      refused(
          llama().with("rope_scaling", Map.of("rope_type", type, "factor", 2.0)),
          "'rope_scaling.rope_type'",
          "\"" + type + "\"",
          "default, divisors, linear, llama3, longrope, proportional, yarn");
    }
    refused(
        llama().with("rope_parameters", Map.of("type", "ntk")), "'rope_parameters.type'", "ntk");
  }

  @Test
  void rotary_scaling_that_is_incomplete_or_contradicts_itself_is_refused() {
    refused(
        llama().with("rope_scaling", Map.of("factor", 2.0)), "'rope_scaling.rope_type'", "factor");
    refused(scaled(Map.of("type", "linear")), "'rope_scaling.factor'", "missing");
    refused(scaled(Map.of("type", "linear", "factor", 0.5)), "'rope_scaling.factor'", "0.5");
    refused(
        scaled(Map.of("type", "linear", "rope_type", "llama3", "factor", 2.0)),
        "'rope_scaling.type'",
        "linear",
        "llama3");
    refused(
        scaled(Map.of("type", "linear", "factor", 2.0, "beta_fast", 32L)),
        "'rope_scaling.beta_fast'",
        "32");
    refused(
        scaled(
            Map.of(
                "rope_type", "llama3",
                "factor", 8.0,
                "low_freq_factor", 4.0,
                "high_freq_factor", 3.5,
                "original_max_position_embeddings", 64L)),
        "'rope_scaling.high_freq_factor'",
        "low_freq_factor");
    refused(scaled(Map.of("type", "yarn")), "'rope_scaling.factor'", "missing");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "beta_fast", 1L)),
        "'rope_scaling.beta_fast'",
        "beta_slow");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "mscale", 2.0)),
        "'rope_scaling.mscale'",
        "2.0",
        "mscale_all_dim");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "mscale_all_dim", 1.0)),
        "'rope_scaling.mscale_all_dim'",
        "both mscale");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "llama_4_scaling_beta", 0.1)),
        "'rope_scaling.original_max_position_embeddings'",
        "missing");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "llama_4_scaling_beta", -0.1)),
        "'rope_scaling.llama_4_scaling_beta'",
        "-0.1");
    refused(
        scaled(Map.of("type", "longrope", "short_factor", List.of(1.0))),
        "'rope_scaling.long_factor'",
        "missing");
    refused(
        scaled(Map.of("type", "longrope", "long_factor", List.of(1.0), "short_factor", List.of())),
        "'original_max_position_embeddings'",
        "missing");
    refused(
        scaled(Map.of("type", "divisors", "divisors", List.of(1.0, 0L))),
        "'rope_scaling.divisors'",
        "above 0");
    refused(
        llama()
            .with("rope_theta", 500.0)
            .with("rope_parameters", Map.of("rope_type", "default", "rope_theta", 10_000.0)),
        "'rope_theta'",
        "500.0",
        "10000.0");
    refused(
        scaled(Map.of("type", "linear", "factor", 2.0))
            .with("rope_parameters", Map.of("rope_type", "linear", "factor", 4.0)),
        "'rope_scaling'",
        "rope_parameters");
  }

  private static SmallModel scaled(Map<String, Object> scaling) {
    return llama().with("rope_scaling", scaling);
  }

  @Test
  void windows_that_do_not_add_up_are_refused() {
    refused(qwen2().with("use_sliding_window", true), "'sliding_window'", "missing");
    refused(qwen2().with("sliding_window", 0L), "'sliding_window'", "0");
    refused(qwen2().with("max_window_layers", -1L), "'max_window_layers'", "-1");
    refused(
        qwen2().with("layer_types", List.of("full_attention")), "'layer_types'", "list of 1", "2");
    refused(
        qwen2().with("layer_types", List.of("full_attention", "sliding_attention")),
        "'layer_types'",
        "sliding_attention");
    refused(
        qwen2().with("layer_types", List.of("full_attention", "linear_attention")),
        "'layer_types'",
        "linear_attention");
    refused(
        model("MistralForCausalLM", Extras.NONE)
            .with("sliding_window", 8L)
            .with("use_sliding_window", false),
        "'use_sliding_window'");
  }

  @Test
  void missing_misshapen_and_surplus_tensors_are_named() {
    refused(llama().withoutTensor(QUERY), "'" + QUERY + "'", "missing", "[16, 16]");
    refused(llama().withTensor(QUERY, DType.F32, 16, 15), QUERY, "[16, 15]", "[16, 16]");
    refused(llama().withTensor(QUERY, DType.F32, 256), QUERY, "[256]", "[16, 16]");
    refused(llama().withTensor("model.layers.2.extra", DType.F32, 1), "'model.layers.2.extra'");
    refused(model("LlamaForCausalLM", Extras.NONE.biases(true, true, false)), "q_proj.bias");
    refused(llama().with("attention_bias", true), "q_proj.bias", "missing");
    refused(llama().withoutTensor("lm_head.weight"), "'lm_head.weight'", "missing");
    refused(llama().with("vocab_size", 21L), "model.embed_tokens.weight", "[20, 16]", "[21, 16]");
  }

  @Test
  void a_tied_head_may_be_stored_again_only_if_it_is_the_same() {
    refused(llama().with("tie_word_embeddings", true), "'lm_head.weight'", "tie_word_embeddings");
    SmallModel twice =
        llama()
            .with("tie_word_embeddings", true)
            .withCopy("lm_head.weight", "model.embed_tokens.weight");
    assertThat(inspect(twice).parameters()).isEqualTo(inspect(llama().tied()).parameters());
  }

  @Test
  void frequencies_that_old_checkpoints_store_are_ignored() {
    SmallModel model =
        llama().withTensor("model.layers.0.self_attn.rotary_emb.inv_freq", DType.F32, 2);
    assertThat(inspect(model)).isEqualTo(inspect(llama()));
  }

  @Test
  void an_executor_refuses_steps_and_tokens_beyond_its_limits() {
    try (ModelRun run = new ModelRun(llama(), 1)) {
      SteppedModel.Sequence wrong = run.sequence(new int[] {1, 20, 3});
      assertThatIllegalArgumentException()
          .isThrownBy(() -> run.step(List.of(wrong), List.of(3)))
          .withMessageContainingAll("20");
      assertThat(run.logits(new int[] {1, 19, 3}, 3)).hasSize(20);
    }
  }

  @Test
  void yarn_makes_the_context_as_long_as_it_says_unless_the_model_does() {
    Map<String, Object> scaling =
        Map.of("type", "yarn", "factor", 4.0, "original_max_position_embeddings", 300L);
    SmallModel model = llama().with("rope_scaling", scaling);
    assertThat(inspect(model).contextLength()).isEqualTo(1200);
    model.with("max_position_embeddings", 1300L);
    assertThat(inspect(model).contextLength()).isEqualTo(1300);
  }

  @Test
  void smollm3_with_a_list_that_does_not_fit_is_refused() {
    SmallModel model = SmallModel.of("SmolLM3ForCausalLM", 11, DType.F32, SIZES, Extras.NONE);
    for (List<Object> list : List.<List<Object>>of(List.of(1L), List.of(1L, 2L))) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> new SmolLm3().inspect(model.with("no_rope_layers", list)))
          .withMessageContaining("'no_rope_layers'");
    }
  }

  private static SmallModel qwen35() {
    return StatefulModels.apart("Qwen3_5ForCausalLM", 1, DType.F32, 20);
  }

  @Test
  void layers_that_keep_states_are_described() {
    ModelSpec spec = inspect(qwen35());
    assertThat(spec.layers()).isEqualTo(4);
    assertThat(spec.kvLayers()).hasSize(1);
    assertThat(spec.stateBytes()).isEqualTo(3 * Float.BYTES * (3 * 104 + 6 * 8 * 12));
  }

  @Test
  void delta_networks_that_do_not_fit_are_refused() {
    String types = "layer_types";
    String linear = "linear_attention";
    refused(
        qwen35().with(types, List.of(linear, linear, linear, linear)),
        types,
        "at least one of them full_attention");
    refused(qwen35().with(types, List.of("full_attention")), types, "a list of 1", "4 layers");
    refused(
        qwen35().with(types, List.of(linear, "sliding_attention", linear, linear)),
        types,
        "'sliding_attention'");
    refused(
        qwen35().without(types).with("full_attention_interval", 3L),
        "model.layers.1.linear_attn.in_proj_qkv.weight",
        "missing");
    refused(
        qwen35().without(types).with("num_hidden_layers", 1L << 30), "num_hidden_layers", "100000");
    refused(qwen35().with("linear_num_value_heads", 5L), "linear_num_value_heads", "5", "2");
    refused(qwen35().with("linear_value_head_dim", 1L << 30), "linear_value_head_dim", "2 GiB");
    refused(qwen35().without("linear_conv_kernel_dim"), "linear_conv_kernel_dim", "missing");
    refused(qwen35().with("attn_output_gate", false), "attn_output_gate", "false", "true");
    refused(
        qwen35().with("linear_conv_kernel_dim", 3L), "model.layers.0.linear_attn.conv1d.weight");
    refused(
        qwen35().withoutTensor("model.layers.2.linear_attn.dt_bias"),
        "model.layers.2.linear_attn.dt_bias",
        "missing");
  }

  @Test
  void state_spaces_and_short_convolutions_that_do_not_fit_are_refused() {
    SmallModel granite = StatefulModels.stateSpaces(1, DType.F32, 20);
    granite.with("num_local_experts", 0L).with("shared_intermediate_size", 53L);
    refused(granite.with("mamba_proj_bias", true), "mamba_proj_bias", "true", "false or missing");
    granite.without("mamba_proj_bias");
    refused(granite.with("mamba_n_heads", 5L), "mamba_n_heads", "5", "mamba_n_groups, 2");
    refused(granite.with("mamba_n_heads", 6L).with("mamba_d_state", 1L << 30), "2 GiB");
    refused(granite.with("mamba_d_state", 9L).with("mamba_d_head", "auto"), "mamba_n_heads", "74");
    refused(
        granite.with("mamba_d_head", 10L).with("position_embedding_type", "alibi"),
        "position_embedding_type",
        "alibi",
        "nope, rope");
    SmallModel lfm2 = StatefulModels.convolutions("Lfm2ForCausalLM", 1, DType.F32, 20);
    refused(lfm2.with("conv_bias", true), "conv_bias", "true", "false or missing");
    refused(lfm2.with("conv_bias", false).with("theta", 1e6), "theta", "that of rope_theta");
    lfm2.without("theta");
    refused(
        lfm2.with("conv_bias", false).with("full_attn_idxs", List.of(1.5)),
        "full_attn_idxs",
        "whole numbers from 0");
    refused(lfm2.with("full_attn_idxs", List.of(9L)), "layer_types", "at least one of them");
    refused(
        lfm2.with("full_attn_idxs", List.of(1L)).with("conv_L_cache", 4L),
        "model.layers.0.conv.conv.weight");
  }

  @Test
  void layers_of_one_part_are_each_of_a_known_kind() {
    SmallModel model = StatefulModels.ofOnePart(1, DType.F32, 20);
    ModelSpec spec = inspect(model);
    assertThat(spec.layers()).isEqualTo(4);
    assertThat(spec.kvLayers()).hasSize(1);
    String kinds = "layers_block_type";
    refused(model.with(kinds, List.of("mamba", "attention", "mlp")), kinds, "4 layers");
    refused(model.with(kinds, List.of("mamba", "attention", "conv", "mlp")), kinds, "conv");
    refused(model.with(kinds, List.of("mamba", "mlp", "mlp", "mamba")), kinds, "at least one");
    refused(
        model.with(kinds, List.of("attention", "mamba", "mlp", "mamba")),
        "model.layers.0.self_attn.q_proj.weight",
        "missing");
  }

  private static SmallModel gemma4() {
    return Gemma4Models.ofTwoSizes(1, DType.F32, 20);
  }

  private static SmallModel gemma4WithInputs() {
    return Gemma4Models.withInputs(1, DType.F32, 20);
  }

  @Test
  void layers_that_differ_are_described_by_what_they_keep() {
    KvShape windowed = new KvShape(2, 8);
    KvShape full = new KvShape(1, 16);
    ModelSpec spec = inspect(gemma4());
    assertThat(spec.family()).isEqualTo("gemma4");
    assertThat(spec.layers()).isEqualTo(5);
    assertThat(spec.kvLayers()).containsExactly(windowed, windowed, full, windowed, full);
    ModelSpec sharing = inspect(gemma4WithInputs());
    assertThat(sharing.layers()).isEqualTo(6);
    assertThat(sharing.kvLayers())
        .containsExactly(windowed, new KvShape(2, 16), windowed, windowed);
    assertThat(inspect(Gemma4Models.withoutUnused(gemma4WithInputs()))).isEqualTo(sharing);
  }

  @Test
  void layers_that_attend_to_what_others_have_stored_need_some_of_their_kind_below() {
    String sharing = "num_kv_shared_layers";
    String allowed = "leaves a layer with a window and one without";
    for (long count : List.of(5L, 6L, 7L, (long) Integer.MAX_VALUE)) {
      refused(gemma4WithInputs().with(sharing, count), "'" + sharing + "' is " + count, allowed);
    }
    refused(gemma4WithInputs().with(sharing, -1L), "'" + sharing + "' is -1", "from 0");
    refused(
        Gemma4Models.withoutUnused(gemma4WithInputs()).with(sharing, 1L),
        "'model.layers.4.self_attn.k_proj.weight'",
        "missing");
  }

  @Test
  void heads_of_gemma4_that_do_not_fit_are_refused() {
    refused(gemma4().with("global_head_dim", 15L), "'global_head_dim' is 15", "an even number");
    refused(
        gemma4().with("num_global_key_value_heads", 3L),
        "'num_global_key_value_heads' is 3",
        "a divisor of num_attention_heads, 4");
    refused(
        gemma4().with("global_head_dim", 18L),
        "model.layers.2.self_attn.q_proj.weight",
        "[64, 37]");
    refused(
        gemma4().with("attention_k_eq_v", false),
        "model.layers.2.self_attn.k_proj.weight",
        "[32, 37]");
    refused(
        gemma4().with("attention_k_eq_v", false).with("num_key_value_heads", 1L),
        "model.layers.0.self_attn.k_proj.weight",
        "[8, 37]");
    String value = "model.layers.2.self_attn.v_proj.weight";
    refused(gemma4().withMatrix(value, 16, 37), value, "not part of");
  }

  @Test
  void gemma4_reads_texts_one_way_whatever_it_does_with_images() {
    String both = "use_bidirectional_attention";
    assertThat(inspect(gemma4().with(both, "vision"))).isEqualTo(inspect(gemma4()));
    assertThat(inspect(gemma4().with(both, false))).isEqualTo(inspect(gemma4()));
    refused(gemma4().with(both, "all"), "'" + both + "' is \"all\"", "vision");
    refused(gemma4().with(both, true), "'" + both + "' is true", "false");
  }

  @Test
  void positions_of_gemma4_that_are_turned_otherwise_are_refused() {
    refused(
        positions(Gemma4Models.proportional(1.5), Gemma4Models.unscaled()),
        "'rope_parameters.full_attention.partial_rotary_factor' is 1.5",
        "up to 1");
    refused(
        positions(Gemma4Models.unscaled(), Gemma4Models.proportional(0.5)),
        "'rope_parameters.sliding_attention.rope_type'",
        "default alone");
    refused(
        gemma4().with("partial_rotary_factor", 0.5),
        "'partial_rotary_factor' is 0.5",
        "that of rope_parameters, 0.25");
  }

  private static SmallModel positions(Map<String, Object> full, Map<String, Object> windowed) {
    return gemma4()
        .with("rope_parameters", Map.of("full_attention", full, "sliding_attention", windowed));
  }

  @Test
  void tensors_of_layers_that_differ_are_all_there() {
    refused(
        gemma4().withoutTensor("model.layers.3.layer_scalar"),
        "'model.layers.3.layer_scalar'",
        "missing");
    refused(gemma4().with("layer_scalars", false), "model.layers.0.layer_scalar", "not part of");
    for (String tensor :
        List.of(
            "model.embed_tokens_per_layer.weight",
            "model.per_layer_projection_norm.weight",
            "model.layers.5.per_layer_input_gate.weight",
            "model.layers.0.post_per_layer_input_norm.weight")) {
      refused(gemma4WithInputs().withoutTensor(tensor), "'" + tensor + "'", "missing");
    }
    refused(
        gemma4WithInputs().with("hidden_size_per_layer_input", 0L),
        "model.embed_tokens_per_layer.weight",
        "not part of");
    refused(
        gemma4WithInputs().with("use_double_wide_mlp", false),
        "model.layers.4.mlp.gate_proj.weight",
        "[106, 37]",
        "[53, 37]");
  }
}

package dev.serval.models.family;

import static dev.serval.models.family.Refusals.SIZES;
import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.llama;
import static dev.serval.models.family.Refusals.model;
import static dev.serval.models.family.Refusals.qwen2;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.storage.CheckpointException;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Fields that are missing, out of range, of others or at odds with each other are refused. */
final class FieldRefusalTest {
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
  void smollm3_with_a_list_that_does_not_fit_is_refused() {
    SmallModel model = SmallModel.of("SmolLM3ForCausalLM", 11, DType.F32, SIZES, Extras.NONE);
    for (List<Object> list : List.<List<Object>>of(List.of(1L), List.of(1L, 2L))) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> new SmolLm3().inspect(model.with("no_rope_layers", list)))
          .withMessageContaining("'no_rope_layers'");
    }
  }
}

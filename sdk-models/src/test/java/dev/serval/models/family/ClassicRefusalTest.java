package dev.serval.models.family;

import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.DType;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/**
 * What GPT-2, StarCoder, GPT-NeoX and Falcon cannot honour is refused by their own names for it.
 */
final class ClassicRefusalTest {
  private static final Sizes SIZES = new Sizes(20, 16, 24, 2, 4, 4, 4);

  /** What is refused here is refused before any of its tensors are looked at. */
  private static SmallModel named(String architecture) {
    return SmallModel.of(architecture, 1, DType.F32, SIZES, Extras.NONE)
        .without("hidden_act")
        .without("rms_norm_eps")
        .without("num_key_value_heads")
        .without("head_dim");
  }

  private static SmallModel gpt2() {
    return named("GPT2LMHeadModel")
        .renamedField("hidden_size", "n_embd")
        .renamedField("intermediate_size", "n_inner")
        .renamedField("num_hidden_layers", "n_layer")
        .renamedField("num_attention_heads", "n_head")
        .renamedField("max_position_embeddings", "n_positions");
  }

  private static SmallModel neox() {
    return named("GPTNeoXForCausalLM").with("rotary_pct", 0.5);
  }

  private static SmallModel falcon() {
    return named("FalconForCausalLM").without("intermediate_size");
  }

  @Test
  void a_field_is_called_as_the_family_calls_it() {
    refused(gpt2().without("n_embd"), "'n_embd'", "missing");
    refused(gpt2().with("n_layer", 0L), "'n_layer' is 0");
    refused(gpt2().with("n_head", 5L), "'n_embd' is 16", "multiple");
    refused(gpt2().with("n_inner", (1L << 31) - 1), "'n_inner'");
    refused(gpt2().with("activation_function", "relu"), "'activation_function'", "gelu_new");
    refused(neox().with("rotary_pct", 0.3), "'rotary_pct' is 0.3");
    refused(neox().with("rotary_emb_base", -1L), "'rotary_emb_base' is -1");
    refused(falcon().with("activation", "relu"), "'activation'", "gelu");
  }

  @Test
  void what_both_names_of_a_field_say_must_agree() {
    refused(neox().with("rope_theta", 500.0).with("rotary_emb_base", 600L), "'rotary_emb_base'");
    refused(
        neox().with("rope_theta", 500.0).with("rotary_emb_base", 500L), "gpt_neox.embed_in.weight");
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused() {
    refused(gpt2().with("scale_attn_weights", false), "'scale_attn_weights' is false", "true");
    refused(
        gpt2().with("scale_attn_by_inverse_layer_idx", true), "'scale_attn_by_inverse_layer_idx'");
    refused(gpt2().with("rope_theta", 10_000.0), "'rope_theta'");
    refused(falcon().with("alibi", true), "'alibi' is true", "false");
    refused(
        falcon().with("new_decoder_architecture", true).with("parallel_attn", false),
        "'parallel_attn' is false",
        "new_decoder_architecture");
    refused(falcon().with("num_ln_in_parallel_attn", 2L), "'num_ln_in_parallel_attn' is 2");
    refused(
        falcon().with("new_decoder_architecture", true).with("num_ln_in_parallel_attn", 3L),
        "'num_ln_in_parallel_attn' is 3",
        "1 or 2");
  }

  @Test
  void a_table_of_positions_has_one_for_each_of_the_context() {
    SmallModel model =
        gpt2()
            .with("n_positions", 30L)
            .withMatrix("wte.weight", 20, 16)
            .withMatrix("wpe.weight", 31, 16);
    refused(model, "'wpe.weight' is of shape [31, 16]", "[30, 16]");
  }

  @Test
  void a_map_that_is_stored_by_inputs_cannot_be_in_blocks() {
    SmallModel model =
        SmallModel.of(
                "GPT2LMHeadModel", 1, DType.F32, new Sizes(20, 32, 32, 1, 2, 2, 16), Extras.NONE)
            .without("hidden_act")
            .without("rms_norm_eps")
            .renamedField("max_position_embeddings", "n_positions")
            .withMatrix("wte.weight", 20, 32)
            .withMatrix("wpe.weight", 512, 32)
            .withGains("h.0.ln_1.weight", 32)
            .withVector("h.0.ln_1.bias", 32)
            .withGains("h.0.ln_2.weight", 32)
            .withVector("h.0.ln_2.bias", 32)
            .withTensor("h.0.attn.c_attn.weight", DType.Q8_0, 32, 96);
    refused(model, "'h.0.attn.c_attn.weight' is of type Q8_0", "F32, F16 or BF16");
  }

  @Test
  void the_context_of_falcon_and_the_width_of_what_has_none_are_what_they_were_made_with() {
    DecoderShape falcon = shape(falcon().without("max_position_embeddings"), new Falcon()::traits);
    assertThat(falcon.contextLength()).isEqualTo(2048);
    assertThat(falcon.intermediate()).isEqualTo(64);
    assertThat(falcon.kvHeads()).isEqualTo(1);
    assertThat(shape(gpt2().without("n_inner"), new Gpt2()::traits).intermediate()).isEqualTo(64);
  }

  private static DecoderShape shape(SmallModel model, Function<ModelConfig, DecoderTraits> traits) {
    ModelConfig config = ModelConfig.of(model);
    return DecoderShape.read(config, traits.apply(config));
  }
}

package dev.serval.models.family;

import static dev.serval.models.family.Refusals.SIZES;
import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.llama;
import static dev.serval.models.family.Refusals.model;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tensors that a model needs and does not have, or has and does not need, are refused. */
final class TensorRefusalTest {
  private static final String QUERY = "model.layers.1.self_attn.q_proj.weight";

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
}

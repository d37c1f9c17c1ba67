package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StateSizes;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** Falcon, and Falcon-H1, which has state spaces beside attention. */
final class Falcon {
  /** Where attention has a norm of its own, the other is still called as that of both. */
  private static final Map<String, String> CLASSIC =
      Map.of(
          "token_embd", "transformer.word_embeddings",
          "output_norm", "transformer.ln_f",
          "attn_norm_2", "ln_attn",
          "attn_qkv", "self_attention.query_key_value",
          "attn_output", "self_attention.dense",
          "ffn_up", "mlp.dense_h_to_4h",
          "ffn_down", "mlp.dense_4h_to_h");

  /** Norms of feed-forward layers have no suffix. */
  private static final Map<String, String> H1 =
      Map.of(
          "ffn_norm", "pre_ff_layernorm.weight",
          "ffn_gate", "feed_forward.gate_proj",
          "ffn_up", "feed_forward.up_proj",
          "ffn_down", "feed_forward.down_proj",
          "output_norm", "model.final_layernorm");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("falcon", "FalconForCausalLM", "falcon")
              .centred("layer_norm_epsilon")
              .activation("gelu_pytorch_tanh")
              .otherwiseBiased()
              .layers("transformer.h")
              .names(CLASSIC)
              .own(Falcon::classic),
          Description.of("falcon-h1", "FalconH1ForCausalLM", "falcon_h1")
              .names(OwnNames.MAMBA)
              .names(H1)
              .own(Falcon::h1));

  private Falcon() {}

  /** The second norm of a larger model is that of attention. */
  private static void classic(StoredModel model, Fields fields) {
    fields.put("new_decoder_architecture", model.weights().attentionNorms());
    fields.put("qkv_together", true);
  }

  /** Its converters have multiplied weights. */
  private static void h1(StoredModel model, Fields fields) {
    StateSizes.mamba(model, fields);
    fields.put("mamba_rms_norm", model.weights().stateNorms());
    fields.put("mamba_norm_before_gate", false);
  }
}

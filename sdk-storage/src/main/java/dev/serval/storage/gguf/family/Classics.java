package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** GPT-2, GPT-NeoX and those like them: norms are from the mean, and most have no gates. */
final class Classics {
  private static final Map<String, String> GPT2 =
      Map.of(
          "token_embd", "transformer.wte",
          "position_embd", "transformer.wpe",
          "output_norm", "transformer.ln_f",
          "attn_norm", "ln_1",
          "attn_qkv", "attn.c_attn",
          "attn_output", "attn.c_proj",
          "ffn_norm", "ln_2",
          "ffn_up", "mlp.c_fc",
          "ffn_down", "mlp.c_proj");

  private static final Map<String, String> GPTNEOX =
      Map.of(
          "token_embd", "gpt_neox.embed_in",
          "output_norm", "gpt_neox.final_layer_norm",
          "output", "embed_out",
          "attn_qkv", "attention.query_key_value",
          "attn_output", "attention.dense",
          "ffn_up", "mlp.dense_h_to_4h",
          "ffn_down", "mlp.dense_4h_to_h");

  private static final Map<String, String> STARCODER2 =
      Map.of("ffn_up", "mlp.c_fc", "ffn_down", "mlp.c_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gpt2", "GPT2LMHeadModel", "gpt2")
              .positions(Positions.EMBEDDED)
              .centred("layer_norm_epsilon")
              .activation("gelu_new")
              .otherwiseBiased()
              .layers("transformer.h")
              .names(GPT2)
              .own((model, fields) -> fields.put("maps_by_input", false)),
          Description.of("gptneox", "GPTNeoXForCausalLM", "gpt_neox")
              .centred("layer_norm_eps")
              .activation("gelu_pytorch_tanh")
              .otherwiseBiased()
              .layers("gpt_neox.layers")
              .names(GPTNEOX)
              .own(Classics::gptNeoX),
          Description.of("jais2", "Jais2ForCausalLM", "jais2")
              .centred("layer_norm_eps")
              .activation("relu2"),
          Description.of("stablelm", "StableLmForCausalLM", "stablelm")
              .centred("layer_norm_eps")
              .otherwiseBiased()
              .own(Classics::stableLm),
          // Whose query heads attend to one key head.
          Description.of("starcoder", "GPTBigCodeForCausalLM", "gpt_bigcode")
              .positions(Positions.EMBEDDED)
              .centred("layer_norm_epsilon")
              .activation("gelu_pytorch_tanh")
              .otherwiseBiased()
              .layers("transformer.h")
              .names(GPT2),
          Description.of("starcoder2", "Starcoder2ForCausalLM", "starcoder2")
              .centred("norm_epsilon")
              .activation("gelu_pytorch_tanh")
              .otherwiseBiased()
              .names(STARCODER2));

  private Classics() {}

  /** Which must be said, as llama.cpp has it. */
  private static void gptNeoX(StoredModel model, Fields fields) {
    String beside = "use_parallel_residual";
    ModelMetadata metadata = model.metadata();
    fields.put(beside, metadata.flag(beside).orElseThrow(() -> metadata.missing(beside)));
    fields.put("qkv_together", true);
  }

  /** Whatever it says: attention and feed-forward layers with a norm begin with two. */
  private static void stableLm(StoredModel model, Fields fields) {
    fields.put("use_parallel_residual", !model.weights().feedForwardNorms());
    fields.put("use_qkv_bias", model.weights().attentionBias());
    fields.put("qk_layernorm", model.weights().headNorms());
  }
}

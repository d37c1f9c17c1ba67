package dev.serval.storage.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The architectures that are translated, under the format's names in lower case. */
enum Architecture {
  GEMMA("GemmaForCausalLM", "gemma", false, Map.of()),
  GEMMA2("Gemma2ForCausalLM", "gemma2", false, Names.END_NORMS),
  GEMMA3("Gemma3ForCausalLM", "gemma3_text", false, Names.END_NORMS),
  /** Converted as Llama is. */
  GRANITE("GraniteForCausalLM", "granite", true, Map.of()),
  /**
   * Llama and Mistral. Its converters reorder the rows of queries and keys so that elements that
   * are turned together are neighbours.
   */
  LLAMA("LlamaForCausalLM", "llama", true, Map.of()),
  PHI3("Phi3ForCausalLM", "phi3", false, Names.PHI3),
  QWEN2("Qwen2ForCausalLM", "qwen2", false, Map.of()),
  QWEN3("Qwen3ForCausalLM", "qwen3", false, Map.of()),
  /** Converted as Llama is. */
  SMOLLM3("SmolLM3ForCausalLM", "smollm3", true, Map.of());

  /** What a layer's tensors are called in Hugging Face's checkpoints where others differ. */
  private static final class Names {
    static final Map<String, String> END_NORMS =
        Map.of(
            "post_attention_norm", "post_attention_layernorm",
            "ffn_norm", "pre_feedforward_layernorm",
            "post_ffw_norm", "post_feedforward_layernorm");

    /** Gates and ups are one tensor, under the name of the ups. */
    static final Map<String, String> PHI3 =
        Map.of("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj");
  }

  private final String model;
  private final String modelType;
  private final boolean interleaved;
  private final Map<String, String> layerNames;

  Architecture(
      String model, String modelType, boolean interleaved, Map<String, String> layerNames) {
    this.model = model;
    this.modelType = modelType;
    this.interleaved = interleaved;
    this.layerNames = layerNames;
  }

  static Optional<Architecture> named(String name) {
    return Arrays.stream(values()).filter(one -> one.key().equals(name)).findFirst();
  }

  static String names() {
    return Arrays.stream(values()).map(Architecture::key).collect(Collectors.joining(", "));
  }

  /** What its keys begin with. */
  String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What Hugging Face lists in {@code architectures}. */
  String model() {
    return model;
  }

  /** What Hugging Face calls {@code model_type}. */
  String modelType() {
    return modelType;
  }

  /** Whether elements that are turned together are neighbours, and not half a head apart. */
  boolean interleaved() {
    return interleaved;
  }

  /** The names of a layer's tensors, by this format's, that are this architecture's own. */
  Map<String, String> layerNames() {
    return layerNames;
  }
}

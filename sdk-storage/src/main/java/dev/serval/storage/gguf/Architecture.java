package dev.serval.storage.gguf;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The architectures that are translated, under the format's names in lower case. */
enum Architecture {
  /** Converted as Llama is. */
  ARCEE("ArceeForCausalLM", "arcee", true),
  /** GLM-4 of 2024. */
  CHATGLM("GlmForCausalLM", "glm", true, Names.PHI3),
  COHERE2("Cohere2ForCausalLM", "cohere2", true),
  COMMAND_R("CohereForCausalLM", "cohere", true),
  DOTS1("Dots1ForCausalLM", "dots1", false, Names.SHARED_EXPERTS, Names.EXPERTS),
  ERNIE4_5("Ernie4_5ForCausalLM", "ernie4_5", true),
  ERNIE4_5_MOE("Ernie4_5_MoeForCausalLM", "ernie4_5_moe", true, Names.ERNIE, Names.EXPERTS),
  /** EXAONE 3, which is a Llama under other names. */
  EXAONE("LlamaForCausalLM", "llama", false),
  EXAONE4("Exaone4ForCausalLM", "exaone4", false, Names.END_NORMS),
  GEMMA("GemmaForCausalLM", "gemma", false),
  GEMMA2("Gemma2ForCausalLM", "gemma2", false, Names.END_NORMS),
  GEMMA3("Gemma3ForCausalLM", "gemma3_text", false, Names.END_NORMS),
  GLM4("Glm4ForCausalLM", "glm4", true, Names.GLM4),
  GLM4MOE("Glm4MoeForCausalLM", "glm4_moe", false, Names.GLM4MOE, Names.EXPERTS),
  GPT_OSS("GptOssForCausalLM", "gpt_oss", false, Names.GPT_OSS, Names.EXPERTS),
  /** Converted as Llama is. */
  GRANITE("GraniteForCausalLM", "granite", true),
  /** Converted as Llama is; each expert is named as Mixtral's are. */
  GRANITEMOE("GraniteMoeForCausalLM", "granitemoe", true, Names.MIXTRAL, Names.MIXTRAL_EXPERTS),
  /** Which is a Llama under other names. */
  INTERNLM2("LlamaForCausalLM", "llama", true),
  /**
   * Llama, Mistral and Mixtral. Its converters reorder the rows of queries and keys so that
   * elements that are turned together are neighbours.
   */
  LLAMA("LlamaForCausalLM", "llama", true, Names.MIXTRAL, Names.MIXTRAL_EXPERTS),
  /** Converted as Llama is. */
  MINICPM("MiniCPMForCausalLM", "minicpm", true),
  MINIMAX_M2("MiniMaxM2ForCausalLM", "minimax_m2", false, Names.MINIMAX, Names.MIXTRAL_EXPERTS),
  /** Ministral 3, and Mistral Small 3 where its texts are told apart. Converted as Llama is. */
  MISTRAL3("Ministral3ForCausalLM", "ministral3", true),
  NEMOTRON("NemotronForCausalLM", "nemotron", false),
  /** OLMo 2, or OLMo 3 where there is a window. */
  OLMO2("Olmo2ForCausalLM", "olmo2", false, Names.END_NORMS),
  OLMOE("OlmoeForCausalLM", "olmoe", false, Names.ROUTER, Names.EXPERTS),
  PHI2("PhiForCausalLM", "phi", false, Names.PHI2),
  PHI3("Phi3ForCausalLM", "phi3", false, Names.PHI3),
  QWEN2("Qwen2ForCausalLM", "qwen2", false),
  QWEN2MOE("Qwen2MoeForCausalLM", "qwen2_moe", false, Names.SHARED_EXPERT, Names.EXPERTS),
  /** The part for texts of a model that also sees. */
  QWEN2VL("Qwen2ForCausalLM", "qwen2", false),
  QWEN3("Qwen3ForCausalLM", "qwen3", false),
  QWEN3MOE("Qwen3MoeForCausalLM", "qwen3_moe", false, Names.ROUTER, Names.EXPERTS),
  /** The part for texts of a model that also sees. */
  QWEN3VL("Qwen3ForCausalLM", "qwen3", false),
  /** The part for texts of a model that also sees. */
  QWEN3VLMOE("Qwen3MoeForCausalLM", "qwen3_moe", false, Names.ROUTER, Names.EXPERTS),
  SEED_OSS("SeedOssForCausalLM", "seed_oss", false, Names.POST_ATTENTION),
  /** Converted as Llama is. */
  SMOLLM3("SmolLM3ForCausalLM", "smollm3", true),
  STABLELM("StableLmForCausalLM", "stablelm", false),
  STARCODER2("Starcoder2ForCausalLM", "starcoder2", false, Names.STARCODER2);

  /** What tensors are called in Hugging Face's checkpoints where others differ. */
  private static final class Names {
    static final Map<String, String> END_NORMS =
        Map.of(
            "post_attention_norm", "post_attention_layernorm",
            "ffn_norm", "pre_feedforward_layernorm",
            "post_ffw_norm", "post_feedforward_layernorm");

    static final Map<String, String> PHI2 =
        Map.of(
            "attn_output", "self_attn.dense",
            "ffn_up", "mlp.fc1",
            "ffn_down", "mlp.fc2",
            "output_norm", "model.final_layernorm");

    static final Map<String, String> STARCODER2 =
        Map.of("ffn_up", "mlp.c_fc", "ffn_down", "mlp.c_proj");

    /** Gates and ups are one tensor, under the name of the ups. */
    static final Map<String, String> PHI3 =
        Map.of("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj");

    static final Map<String, String> POST_ATTENTION =
        Map.of("post_attention_norm", "post_attention_layernorm");

    static final Map<String, String> ROUTER = Map.of("ffn_gate_inp", "mlp.gate");

    static final Map<String, String> GPT_OSS =
        and(POST_ATTENTION, Map.of("ffn_gate_inp", "mlp.router"));

    static final Map<String, String> GLM4 =
        Map.of(
            "post_attention_norm", "post_self_attn_layernorm",
            "ffn_up", "mlp.gate_up_proj",
            "post_ffw_norm", "post_mlp_layernorm");

    static final Map<String, String> SHARED_EXPERTS =
        and(
            and(ROUTER, shared("mlp.shared_experts.")),
            Map.of("exp_probs_b", "mlp.gate.e_score_correction_bias"));

    static final Map<String, String> GLM4MOE = and(SHARED_EXPERTS, POST_ATTENTION);
    static final Map<String, String> ERNIE =
        and(SHARED_EXPERTS, Map.of("exp_probs_b", "mlp.moe_statics.e_score_correction_bias"));

    static final Map<String, String> SHARED_EXPERT =
        and(
            and(ROUTER, shared("mlp.shared_expert.")),
            Map.of("ffn_gate_inp_shexp", "mlp.shared_expert_gate"));

    static final Map<String, String> EXPERTS =
        Map.of(
            "ffn_gate_exps", "mlp.experts.%d.gate_proj",
            "ffn_up_exps", "mlp.experts.%d.up_proj",
            "ffn_down_exps", "mlp.experts.%d.down_proj");

    static final Map<String, String> MIXTRAL = Map.of("ffn_gate_inp", "block_sparse_moe.gate");
    static final Map<String, String> MINIMAX =
        and(MIXTRAL, Map.of("exp_probs_b", "block_sparse_moe.e_score_correction_bias"));

    static final Map<String, String> MIXTRAL_EXPERTS =
        Map.of(
            "ffn_gate_exps", "block_sparse_moe.experts.%d.w1",
            "ffn_up_exps", "block_sparse_moe.experts.%d.w3",
            "ffn_down_exps", "block_sparse_moe.experts.%d.w2");

    private static Map<String, String> shared(String prefix) {
      return Map.of(
          "ffn_gate_shexp", prefix + "gate_proj",
          "ffn_up_shexp", prefix + "up_proj",
          "ffn_down_shexp", prefix + "down_proj");
    }

    /** The names of one, but for those that the other has as well. */
    private static Map<String, String> and(Map<String, String> one, Map<String, String> other) {
      Map<String, String> all = new HashMap<>(one);
      all.putAll(other);
      return Map.copyOf(all);
    }
  }

  private final String model;
  private final String modelType;
  private final boolean interleaved;
  private final Map<String, String> ownNames;
  private final Map<String, String> expertNames;

  Architecture(String model, String modelType, boolean interleaved) {
    this(model, modelType, interleaved, Map.of());
  }

  Architecture(String model, String modelType, boolean interleaved, Map<String, String> ownNames) {
    this(model, modelType, interleaved, ownNames, Map.of());
  }

  Architecture(
      String model,
      String modelType,
      boolean interleaved,
      Map<String, String> ownNames,
      Map<String, String> expertNames) {
    this.model = model;
    this.modelType = modelType;
    this.interleaved = interleaved;
    this.ownNames = ownNames;
    this.expertNames = expertNames;
  }

  static Optional<Architecture> named(String name) {
    return Arrays.stream(values()).filter(one -> one.key().equals(name)).findFirst();
  }

  static String names() {
    return Arrays.stream(values()).map(Architecture::key).collect(Collectors.joining(", "));
  }

  /** What its keys begin with. */
  String key() {
    return switch (this) {
      case COMMAND_R -> "command-r";
      case ERNIE4_5_MOE -> "ernie4_5-moe";
      case GPT_OSS -> "gpt-oss";
      case MINIMAX_M2 -> "minimax-m2";
      default -> name().toLowerCase(Locale.ROOT);
    };
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

  /**
   * The names of tensors, by this format's, that are this architecture's own: within a layer, or
   * the whole name of one outside; without {@code .weight} or {@code .bias}.
   */
  Map<String, String> ownNames() {
    return ownNames;
  }

  /**
   * What each expert's part of a layer's tensor, by this format's name, is called there, without
   * {@code .weight} or {@code .bias}, a {@code %d} in place of its number.
   */
  Map<String, String> expertNames() {
    return expertNames;
  }
}

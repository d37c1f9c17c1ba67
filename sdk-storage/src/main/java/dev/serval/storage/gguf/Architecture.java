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
  /** DeepSeek-V2 where experts are by softmax; V3 and others of its kind otherwise. */
  DEEPSEEK2("DeepseekV3ForCausalLM", "deepseek_v3", true, Names.LATENT, Names.EXPERTS),
  DOTS1("Dots1ForCausalLM", "dots1", false, Names.SHARED_EXPERTS, Names.EXPERTS),
  ERNIE4_5("Ernie4_5ForCausalLM", "ernie4_5", true),
  ERNIE4_5_MOE("Ernie4_5_MoeForCausalLM", "ernie4_5_moe", true, Names.ERNIE, Names.EXPERTS),
  /** EXAONE 3, which is a Llama under other names. */
  EXAONE("LlamaForCausalLM", "llama", false),
  EXAONE4("Exaone4ForCausalLM", "exaone4", false, Names.END_NORMS),
  FALCON("FalconForCausalLM", "falcon", false, Names.FALCON),
  FALCON_H1("FalconH1ForCausalLM", "falcon_h1", false, Names.FALCON_H1),
  GEMMA("GemmaForCausalLM", "gemma", false),
  GEMMA2("Gemma2ForCausalLM", "gemma2", false, Names.END_NORMS),
  GEMMA3("Gemma3ForCausalLM", "gemma3_text", false, Names.END_NORMS),
  GEMMA4("Gemma4ForCausalLM", "gemma4_text", false, Names.GEMMA4, Names.GEMMA4_EXPERTS),
  GLM4("Glm4ForCausalLM", "glm4", true, Names.GLM4),
  GLM4MOE("Glm4MoeForCausalLM", "glm4_moe", false, Names.GLM4MOE, Names.EXPERTS),
  GPT2("GPT2LMHeadModel", "gpt2", false, Names.GPT2),
  GPTNEOX("GPTNeoXForCausalLM", "gpt_neox", false, Names.GPTNEOX),
  GPT_OSS("GptOssForCausalLM", "gpt_oss", false, Names.GPT_OSS, Names.EXPERTS),
  /** Converted as Llama is. */
  GRANITE("GraniteForCausalLM", "granite", true),
  /** Granite 4 with state spaces. Converted as Llama is; each expert is named as Mixtral's are. */
  GRANITEHYBRID(
      "GraniteMoeHybridForCausalLM",
      "granitemoehybrid",
      true,
      Names.GRANITEHYBRID,
      Names.MIXTRAL_EXPERTS),
  /** Converted as Llama is; each expert is named as Mixtral's are. */
  GRANITEMOE("GraniteMoeForCausalLM", "granitemoe", true, Names.MIXTRAL, Names.MIXTRAL_EXPERTS),
  /** Which is a Llama under other names. */
  INTERNLM2("LlamaForCausalLM", "llama", true),
  LFM2("Lfm2ForCausalLM", "lfm2", false, Names.LFM2),
  LFM2MOE("Lfm2MoeForCausalLM", "lfm2_moe", false, Names.LFM2MOE, Names.LFM2_EXPERTS),
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
  NEMOTRON_H("NemotronHForCausalLM", "nemotron_h", false, Names.MAMBA),
  NEMOTRON_H_MOE("NemotronHForCausalLM", "nemotron_h", false, Names.NEMOTRON_H_MOE, Names.EXPERTS),
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
  /** Qwen 3.5, or the part for texts of one that also sees. */
  QWEN35("Qwen3_5ForCausalLM", "qwen3_5_text", false, Names.QWEN35),
  /** Qwen 3.5 with experts, or the part for texts of one that also sees. */
  QWEN35MOE("Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", false, Names.QWEN35MOE, Names.EXPERTS),
  QWEN3MOE("Qwen3MoeForCausalLM", "qwen3_moe", false, Names.ROUTER, Names.EXPERTS),
  QWEN3NEXT("Qwen3NextForCausalLM", "qwen3_next", false, Names.QWEN3NEXT, Names.EXPERTS),
  /** The part for texts of a model that also sees. */
  QWEN3VL("Qwen3ForCausalLM", "qwen3", false),
  /** The part for texts of a model that also sees. */
  QWEN3VLMOE("Qwen3MoeForCausalLM", "qwen3_moe", false, Names.ROUTER, Names.EXPERTS),
  SEED_OSS("SeedOssForCausalLM", "seed_oss", false, Names.POST_ATTENTION),
  /** Converted as Llama is. */
  SMOLLM3("SmolLM3ForCausalLM", "smollm3", true),
  STABLELM("StableLmForCausalLM", "stablelm", false),
  /** StarCoder, whose query heads attend to one key head. */
  STARCODER("GPTBigCodeForCausalLM", "gpt_bigcode", false, Names.GPT2),
  STARCODER2("Starcoder2ForCausalLM", "starcoder2", false, Names.STARCODER2);

  /** What tensors are called in Hugging Face's checkpoints where others differ. */
  private static final class Names {
    /** What the names of layers begin with before their number. */
    static final String LAYERS = "blk";

    static final Map<String, String> END_NORMS =
        Map.of(
            "post_attention_norm", "post_attention_layernorm",
            "ffn_norm", "pre_feedforward_layernorm",
            "post_ffw_norm", "post_feedforward_layernorm");

    static final Map<String, String> GEMMA4 =
        and(
            END_NORMS,
            Map.ofEntries(
                Map.entry("layer_output_scale", "layer_scalar"),
                Map.entry("inp_gate", "per_layer_input_gate"),
                Map.entry("proj", "per_layer_projection"),
                Map.entry("post_norm", "post_per_layer_input_norm"),
                Map.entry("per_layer_token_embd", "model.embed_tokens_per_layer"),
                Map.entry("per_layer_model_proj", "model.per_layer_model_projection"),
                Map.entry("per_layer_proj_norm", "model.per_layer_projection_norm"),
                Map.entry("ffn_gate_inp", "router.proj"),
                Map.entry("ffn_gate_inp.scale", "router.scale"),
                Map.entry("ffn_down_exps.scale", "router.per_expert_scale"),
                Map.entry("post_ffw_norm_1", "post_feedforward_layernorm_1"),
                Map.entry("pre_ffw_norm_2", "pre_feedforward_layernorm_2"),
                Map.entry("post_ffw_norm_2", "post_feedforward_layernorm_2")));

    static final Map<String, String> GEMMA4_EXPERTS =
        Map.of(
            "ffn_gate_up_exps", "experts.%d.gate_up_proj",
            "ffn_gate_exps", "experts.%d.gate_proj",
            "ffn_up_exps", "experts.%d.up_proj",
            "ffn_down_exps", "experts.%d.down_proj");

    static final Map<String, String> GPT2 =
        Map.ofEntries(
            Map.entry(LAYERS, "transformer.h"),
            Map.entry("token_embd", "transformer.wte"),
            Map.entry("position_embd", "transformer.wpe"),
            Map.entry("output_norm", "transformer.ln_f"),
            Map.entry("attn_norm", "ln_1"),
            Map.entry("attn_qkv", "attn.c_attn"),
            Map.entry("attn_output", "attn.c_proj"),
            Map.entry("ffn_norm", "ln_2"),
            Map.entry("ffn_up", "mlp.c_fc"),
            Map.entry("ffn_down", "mlp.c_proj"));

    static final Map<String, String> GPTNEOX =
        Map.of(
            LAYERS,
            "gpt_neox.layers",
            "token_embd",
            "gpt_neox.embed_in",
            "output_norm",
            "gpt_neox.final_layer_norm",
            "output",
            "embed_out",
            "attn_qkv",
            "attention.query_key_value",
            "attn_output",
            "attention.dense",
            "ffn_up",
            "mlp.dense_h_to_4h",
            "ffn_down",
            "mlp.dense_4h_to_h");

    /** Where attention has a norm of its own, the other is still called as that of both. */
    static final Map<String, String> FALCON =
        Map.of(
            LAYERS,
            "transformer.h",
            "token_embd",
            "transformer.word_embeddings",
            "output_norm",
            "transformer.ln_f",
            "attn_norm_2",
            "ln_attn",
            "attn_qkv",
            "self_attention.query_key_value",
            "attn_output",
            "self_attention.dense",
            "ffn_up",
            "mlp.dense_h_to_4h",
            "ffn_down",
            "mlp.dense_4h_to_h");

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

    static final Map<String, String> LATENT =
        and(
            SHARED_EXPERTS,
            Map.of(
                "attn_q_a", "self_attn.q_a_proj",
                "attn_q_a_norm", "self_attn.q_a_layernorm",
                "attn_q_b", "self_attn.q_b_proj",
                "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa",
                "attn_kv_a_norm", "self_attn.kv_a_layernorm",
                "attn_kv_b", "self_attn.kv_b_proj",
                "attn_k_b", "self_attn.k_b_proj",
                "attn_v_b", "self_attn.v_b_proj"));

    static final Map<String, String> GLM4MOE = and(SHARED_EXPERTS, POST_ATTENTION);
    static final Map<String, String> ERNIE =
        and(SHARED_EXPERTS, Map.of("exp_probs_b", "mlp.moe_statics.e_score_correction_bias"));

    static final Map<String, String> SHARED_EXPERT =
        and(
            and(ROUTER, shared("mlp.shared_expert.")),
            Map.of("ffn_gate_inp_shexp", "mlp.shared_expert_gate"));

    /** Those of layers of linear attention, whose gates of outputs are a map of their own. */
    static final Map<String, String> LINEAR =
        and(
            POST_ATTENTION,
            Map.of(
                "attn_qkv", "linear_attn.in_proj_qkv",
                "attn_gate", "linear_attn.in_proj_z",
                "ssm_conv1d", "linear_attn.conv1d",
                "ssm_a", "linear_attn.A_log",
                "ssm_dt", "linear_attn.dt_bias",
                "ssm_norm", "linear_attn.norm",
                "ssm_out", "linear_attn.out_proj"));

    static final Map<String, String> QWEN35 =
        and(
            LINEAR,
            Map.of("ssm_alpha", "linear_attn.in_proj_a", "ssm_beta", "linear_attn.in_proj_b"));

    static final Map<String, String> QWEN35MOE = and(QWEN35, SHARED_EXPERT);
    static final Map<String, String> QWEN3NEXT =
        and(and(LINEAR, SHARED_EXPERT), Map.of("ssm_ba", "linear_attn.in_proj_ba"));

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

    static final Map<String, String> MAMBA =
        Map.of(
            "ssm_in", "mamba.in_proj",
            "ssm_conv1d", "mamba.conv1d",
            "ssm_a", "mamba.A_log",
            "ssm_d", "mamba.D",
            "ssm_dt", "mamba.dt_bias",
            "ssm_norm", "mamba.norm",
            "ssm_out", "mamba.out_proj");

    /** Norms of feed-forward layers have no suffix. */
    static final Map<String, String> FALCON_H1 =
        and(
            MAMBA,
            Map.of(
                "ffn_norm", "pre_ff_layernorm.weight",
                "ffn_gate", "feed_forward.gate_proj",
                "ffn_up", "feed_forward.up_proj",
                "ffn_down", "feed_forward.down_proj",
                "output_norm", "model.final_layernorm"));

    static final Map<String, String> NEMOTRON_H_MOE = and(MAMBA, SHARED_EXPERTS);

    /** The one expert that all rows go to is all there is in a model without others. */
    static final Map<String, String> GRANITEHYBRID =
        and(
            and(MAMBA, shared("shared_mlp.")),
            Map.of(
                "ffn_gate_inp", "block_sparse_moe.router.layer",
                "ffn_gate", "shared_mlp.gate_proj",
                "ffn_up", "shared_mlp.up_proj",
                "ffn_down", "shared_mlp.down_proj"));

    /** The last norm is called as if it were the first; older files have others' name for it. */
    static final Map<String, String> LFM2 =
        Map.ofEntries(
            Map.entry("attn_norm", "operator_norm"),
            Map.entry("attn_q_norm", "self_attn.q_layernorm"),
            Map.entry("attn_k_norm", "self_attn.k_layernorm"),
            Map.entry("attn_output", "self_attn.out_proj"),
            Map.entry("shortconv.conv", "conv.conv"),
            Map.entry("shortconv.in_proj", "conv.in_proj"),
            Map.entry("shortconv.out_proj", "conv.out_proj"),
            Map.entry("ffn_norm", "ffn_norm"),
            Map.entry("ffn_gate", "feed_forward.w1"),
            Map.entry("ffn_up", "feed_forward.w3"),
            Map.entry("ffn_down", "feed_forward.w2"),
            Map.entry("token_embd_norm", "model.embedding_norm"),
            Map.entry("output_norm", "model.embedding_norm"));

    static final Map<String, String> LFM2MOE =
        and(
            LFM2,
            Map.of(
                "ffn_gate_inp", "feed_forward.gate",
                "exp_probs_b", "feed_forward.expert_bias"));

    static final Map<String, String> LFM2_EXPERTS =
        Map.of(
            "ffn_gate_exps", "feed_forward.experts.%d.w1",
            "ffn_up_exps", "feed_forward.experts.%d.w3",
            "ffn_down_exps", "feed_forward.experts.%d.w2");

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
      case FALCON_H1 -> "falcon-h1";
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

  /** What the names of tensors within layers begin with there, before the layer's number. */
  String layers() {
    return ownNames.getOrDefault(Names.LAYERS, "model.layers");
  }

  /**
   * The names of tensors, by this format's, that are this architecture's own: within a layer, or
   * the whole name of one outside; without {@code .weight} or {@code .bias}, unless this format has
   * neither.
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

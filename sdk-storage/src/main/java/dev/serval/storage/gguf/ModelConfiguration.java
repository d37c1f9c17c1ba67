package dev.serval.storage.gguf;

import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Translates a model's metadata into the fields of {@code config.json} (keys and defaults as <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a> lays them down).
 * What changes the model's results and has no such field is refused.
 */
final class ModelConfiguration {
  private static final long GEMMA2_27B_LAYERS = 46;
  private static final long GEMMA3_27B_LAYERS = 62;
  private static final long GEMMA2_WINDOW = 4096;
  private static final double GEMMA2_SCORE_CAP = 50;
  private static final double GEMMA2_LOGIT_CAP = 30;
  private static final String WINDOW = "attention.sliding_window";
  private static final String WINDOW_PATTERN = "attention.sliding_window_pattern";
  private static final long WINDOW_PERIOD = 4;
  private static final String SCORE_CAP = "attn_logit_softcapping";
  private static final String LOGIT_CAP = "final_logit_softcapping";
  private static final String SCORE_SCALE = "attention.scale";
  private static final String EMBEDDING_SCALE = "embedding_scale";
  private static final String RESIDUAL_SCALE = "residual_scale";
  private static final String LOGIT_SCALE = "logit_scale";
  private static final String NORM_EPSILON = "attention.layer_norm_epsilon";
  static final String QUERY_GROWTH = "attention.temperature_scale";
  static final String YARN_SHARE = "rope.scaling.yarn_log_multiplier";
  private static final String DRAFT_LAYERS = "nextn_predict_layers";
  private static final String TURNS = "rope.scaling.finetuned";

  /** The tensors of further ones would have no names. */
  private static final long MOST_LAYERS = 1_000_000;

  /**
   * Keys that change results, behind the architecture's name, and the value that does not; refused
   * are others unless the architecture has them.
   */
  private static final Map<String, Double> NEUTRAL =
      Map.ofEntries(
          Map.entry("attention.max_alibi_bias", 0.0),
          Map.entry("attention.clamp_kqv", 0.0),
          Map.entry(SCORE_SCALE, 0.0),
          Map.entry(NORM_EPSILON, 0.0),
          Map.entry(QUERY_GROWTH, 0.0),
          Map.entry(SCORE_CAP, 0.0),
          Map.entry(LOGIT_CAP, 0.0),
          Map.entry(LOGIT_SCALE, 1.0),
          Map.entry(EMBEDDING_SCALE, 1.0),
          Map.entry(RESIDUAL_SCALE, 1.0),
          Map.entry("pooling_type", 0.0),
          Map.entry(DRAFT_LAYERS, 0.0),
          Map.entry("rope.scaling.yarn_ext_factor", 1.0),
          Map.entry("rope.scaling.yarn_attn_factor", 1.0),
          Map.entry(YARN_SHARE, 0.0));

  /** Those whose norms are from the mean, and the field that says what these add. */
  private static final Map<Architecture, String> CENTRED =
      Map.of(
          Architecture.COHERE2, "layer_norm_eps",
          Architecture.COMMAND_R, "layer_norm_eps",
          Architecture.FALCON, "layer_norm_epsilon",
          Architecture.GPT2, "layer_norm_epsilon",
          Architecture.GPTNEOX, "layer_norm_eps",
          Architecture.NEMOTRON, "norm_eps",
          Architecture.PHI2, "layer_norm_eps",
          Architecture.STABLELM, "layer_norm_eps",
          Architecture.STARCODER, "layer_norm_epsilon",
          Architecture.STARCODER2, "norm_epsilon");

  /**
   * Those whose feed-forward layers have no gates, and what they have in place of them: where
   * models of one architecture have either GELU, that which llama.cpp takes, as files do not say.
   */
  private static final Map<Architecture, String> UNGATED =
      Map.of(
          Architecture.ARCEE, "relu2",
          Architecture.FALCON, "gelu_pytorch_tanh",
          Architecture.GPT2, "gelu_new",
          Architecture.GPTNEOX, "gelu_pytorch_tanh",
          Architecture.NEMOTRON, "relu2",
          Architecture.NEMOTRON_H, "relu2",
          Architecture.NEMOTRON_H_MOE, "relu2",
          Architecture.PHI2, "gelu_new",
          Architecture.STARCODER, "gelu_pytorch_tanh",
          Architecture.STARCODER2, "gelu_pytorch_tanh");

  /** Those whose configurations have other fields for it, or none. */
  private static final Set<Architecture> OTHERWISE_BIASED =
      Set.of(
          Architecture.FALCON,
          Architecture.GPT2,
          Architecture.GPTNEOX,
          Architecture.PHI2,
          Architecture.QWEN2,
          Architecture.QWEN2MOE,
          Architecture.QWEN2VL,
          Architecture.STABLELM,
          Architecture.STARCODER,
          Architecture.STARCODER2);

  /** Their positions have embeddings, and turn nothing. */
  private static final Set<Architecture> EMBEDDED_POSITIONS =
      Set.of(Architecture.GPT2, Architecture.STARCODER);

  /** Their text has the same position in every kind. */
  private static final Set<Architecture> POSITIONS_OF_SEVERAL_KINDS =
      Set.of(
          Architecture.QWEN2VL,
          Architecture.QWEN35,
          Architecture.QWEN35MOE,
          Architecture.QWEN3VL,
          Architecture.QWEN3VLMOE);

  /** Each of their layers has experts, and they may say how wide those are alone. */
  private static final Set<Architecture> EXPERTS_ALONE =
      Set.of(Architecture.QWEN35MOE, Architecture.QWEN3NEXT);

  /** Some of their layers do something else than attend. */
  private static final Set<Architecture> OF_TWO_KINDS =
      Set.of(
          Architecture.GRANITEHYBRID,
          Architecture.LFM2,
          Architecture.LFM2MOE,
          Architecture.NEMOTRON_H,
          Architecture.NEMOTRON_H_MOE);

  private static final Set<String> GRANITE_KEYS =
      Set.of(SCORE_SCALE, LOGIT_SCALE, EMBEDDING_SCALE, RESIDUAL_SCALE);

  /** Those that this architecture translates. */
  private static Set<String> ownKeys(Architecture architecture) {
    Set<String> keys = new HashSet<>(ExpertConfiguration.ownKeys(architecture));
    if (CENTRED.containsKey(architecture)) {
      keys.add(NORM_EPSILON);
    }
    switch (architecture) {
      case COHERE2, COMMAND_R -> keys.add(LOGIT_SCALE);
      case GEMMA2 -> keys.addAll(Set.of(SCORE_CAP, LOGIT_CAP));
      case GEMMA4 -> keys.add(LOGIT_CAP);
      case DEEPSEEK2 -> keys.addAll(Set.of(DRAFT_LAYERS, YARN_SHARE));
      case GLM4MOE, QWEN35, QWEN35MOE, QWEN3NEXT -> keys.add(DRAFT_LAYERS);
      case GRANITE, GRANITEHYBRID, GRANITEMOE -> keys.addAll(GRANITE_KEYS);
      case NEMOTRON_H, NEMOTRON_H_MOE -> keys.add(NORM_EPSILON);
      case MISTRAL3 -> keys.addAll(Set.of(QUERY_GROWTH, YARN_SHARE));
      case MINICPM -> keys.addAll(Set.of(EMBEDDING_SCALE, RESIDUAL_SCALE, LOGIT_SCALE));
      default -> {}
    }
    return keys;
  }

  private final Metadata metadata;
  private final Architecture architecture;
  private final Map<String, Object> config = new LinkedHashMap<>();

  private ModelConfiguration(Metadata metadata, Architecture architecture) {
    this.metadata = metadata;
    this.architecture = architecture;
  }

  /** The fields, unmodifiable. */
  static Map<String, Object> translate(
      Metadata metadata, Architecture architecture, WeightFacts weights) {
    ModelConfiguration translation = new ModelConfiguration(metadata, architecture);
    translation.refuseUnsupported();
    translation.sizes();
    translation.weights(weights);
    if (!EMBEDDED_POSITIONS.contains(architecture)) {
      translation.config.putAll(
          RotaryConfiguration.translate(metadata, architecture, weights, translation.turnable()));
    }
    translation.window();
    translation.config.putAll(ExpertConfiguration.translate(metadata, architecture));
    switch (architecture) {
      case CHATGLM -> translation.config.put("qkv_together", weights.inputsTogether());
      case COHERE2, COMMAND_R -> translation.cohere();
      case DEEPSEEK2 -> translation.deepseek(weights);
      case FALCON -> translation.falcon(weights);
      case FALCON_H1 -> translation.falconH1(weights);
      case GEMMA -> translation.gemma();
      case GEMMA2 -> translation.gemma2();
      case GEMMA3 -> translation.gemma3();
      case GEMMA4 -> translation.gemma4(weights);
      case GLM4MOE -> translation.glm4Moe(weights);
      case GPT2 -> translation.config.put("maps_by_input", false);
      case GPTNEOX -> translation.gptNeoX();
      case GPT_OSS -> translation.gptOss();
      case GRANITE, GRANITEMOE -> translation.granite();
      case GRANITEHYBRID -> translation.graniteHybrid(weights);
      case LFM2, LFM2MOE -> translation.lfm2();
      case MINICPM -> translation.miniCpm();
      case NEMOTRON -> translation.config.put("norm_gains_less_one", false);
      case NEMOTRON_H -> translation.nemotronH(weights, "mlp");
      case NEMOTRON_H_MOE -> translation.nemotronH(weights, "moe");
      case QWEN35, QWEN35MOE, QWEN3NEXT -> translation.qwen35();
      case STABLELM -> translation.stableLm(weights);
      case SEED_OSS -> translation.config.put("attention_bias", weights.attentionBias());
      default -> {}
    }
    return Collections.unmodifiableMap(translation.config);
  }

  private String key(String name) {
    return architecture.key() + "." + name;
  }

  private void refuseUnsupported() {
    Set<String> own = ownKeys(architecture);
    refuseOthers(NEUTRAL, own);
    refuseOthers(ExpertConfiguration.NEUTRAL, own);
    refuseWithout("attention.causal");
    String sections = key("rope.dimension_sections");
    if (metadata.has(sections) && !POSITIONS_OF_SEVERAL_KINDS.contains(architecture)) {
      throw metadata.problem(
          sections, "is there; positions of several kinds are for other input than text");
    }
  }

  private void refuseOthers(Map<String, Double> neutral, Set<String> own) {
    neutral.forEach((name, value) -> {
      String key = key(name);
      if (!own.contains(name) && metadata.has(key) && metadata.number(key) != value) {
        throw metadata.problem(
            key,
            "is %s; models are supported for which it is %s or missing"
                .formatted(metadata.number(key), value));
      }
    });
  }

  private void refuseWithout(String flag) {
    if (!metadata.flag(key(flag)).orElse(true)) {
      throw metadata.problem(key(flag), "is false; it must be true");
    }
  }

  private void sizes() {
    long heads = heads();
    config.put("architectures", List.of(architecture.model()));
    config.put("model_type", architecture.modelType());
    config.put("hidden_act", UNGATED.getOrDefault(architecture, "silu"));
    config.put("hidden_size", hidden());
    config.put("intermediate_size", width());
    config.put("num_hidden_layers", layers());
    config.put("num_attention_heads", heads);
    config.put("num_key_value_heads", keyValueHeads(heads));
    if (architecture != Architecture.DEEPSEEK2) {
      config.put("head_dim", headDim());
    }
    config.put("max_position_embeddings", metadata.requireNatural(key("context_length")));
    config.put(
        normField(),
        metadata.requireReal(
            key(
                CENTRED.containsKey(architecture)
                    ? NORM_EPSILON
                    : "attention.layer_norm_rms_epsilon")));
  }

  private String normField() {
    return switch (architecture) {
      case LFM2, LFM2MOE -> "norm_eps";
      default -> CENTRED.getOrDefault(architecture, "rms_norm_eps");
    };
  }

  private long keyValueHeads(long heads) {
    if (architecture == Architecture.GEMMA4) {
      return ofFirstLayer(key("attention.head_count_kv"));
    }
    return OF_TWO_KINDS.contains(architecture)
        ? attentionLayers().count()
        : metadata.natural(key("attention.head_count_kv")).orElse(heads);
  }

  private SomeLayers attentionLayers() {
    return SomeLayers.read(metadata, key("attention.head_count_kv"), layers());
  }

  private long ofFirstLayer(String key) {
    return SomeLayers.numbers(metadata, key, layers()).getFirst();
  }

  private SomeLayers feedForwardLayers() {
    return SomeLayers.read(metadata, key(ExpertConfiguration.DENSE_WIDTH), layers());
  }

  /** Those that predict further tokens come last, and are not among them. */
  private long layers() {
    long all = metadata.requireNatural(key("block_count"));
    if (all > MOST_LAYERS) {
      throw metadata.problem(
          key("block_count"), "is %d; there can be %d layers".formatted(all, MOST_LAYERS));
    }
    if (draftLayers() > 0 && draftLayers() >= all) {
      throw metadata.problem(
          key(DRAFT_LAYERS), "is %d; it must be less than all %d".formatted(draftLayers(), all));
    }
    return all - draftLayers();
  }

  private long draftLayers() {
    return metadata.natural(key(DRAFT_LAYERS)).orElse(0L);
  }

  private long width() {
    String width = key(ExpertConfiguration.DENSE_WIDTH);
    switch (architecture) {
      case NEMOTRON_H, NEMOTRON_H_MOE -> {
        return feedForwardLayers().count();
      }
      case GEMMA4 -> {
        return ofFirstLayer(width);
      }
      default -> {}
    }
    boolean ofExperts = EXPERTS_ALONE.contains(architecture) && !metadata.has(width);
    return metadata.requireNatural(ofExperts ? key(ExpertConfiguration.EXPERT_WIDTH) : width);
  }

  private long heads() {
    return metadata.requirePositive(key("attention.head_count"));
  }

  private long hidden() {
    return metadata.requireNatural(key("embedding_length"));
  }

  private long headDim() {
    Optional<Long> given = metadata.natural(key("attention.key_length"));
    if (given.isEmpty() && hidden() % heads() != 0) {
      throw metadata.problem(
          key("embedding_length"), "is %d, no multiple of %d heads".formatted(hidden(), heads()));
    }
    long headDim = given.orElse(hidden() / heads());
    long ofValues = metadata.natural(key("attention.value_length")).orElse(headDim);
    if (ofValues != headDim) {
      throw metadata.problem(
          key("attention.value_length"),
          "is %d; it must be the head's size, %d".formatted(ofValues, headDim));
    }
    return headDim;
  }

  private void weights(WeightFacts weights) {
    config.put("vocab_size", weights.vocabulary());
    config.put("tie_word_embeddings", weights.tied());
    if (OTHERWISE_BIASED.contains(architecture)) {
      return;
    }
    if (weights.attentionBias()) {
      config.put("attention_bias", true);
    }
    if (weights.mlpBias()) {
      config.put("mlp_bias", true);
    }
  }

  /** How many dimensions of a head positions may turn. */
  private long turnable() {
    return architecture == Architecture.DEEPSEEK2
        ? LatentConfiguration.turned(metadata, architecture)
        : headDim();
  }

  private void deepseek(WeightFacts weights) {
    config.remove("num_key_value_heads");
    config.putAll(LatentConfiguration.translate(metadata, architecture, weights));
    config.put("num_nextn_predict_layers", draftLayers());
  }

  private void cohere() {
    config.put("logit_scale", metadata.requireReal(key(LOGIT_SCALE)));
  }

  /** Whatever it says: attention and feed-forward layers with a norm begin with two. */
  private void stableLm(WeightFacts weights) {
    config.put("use_parallel_residual", !weights.feedForwardNorms());
    config.put("use_qkv_bias", weights.attentionBias());
    config.put("qk_layernorm", weights.headNorms());
  }

  /** Its converters add 1 to the gains of norms. */
  private void gemma() {
    config.put("hidden_act", "gelu_pytorch_tanh");
    config.put("norm_gains_less_one", false);
  }

  private void gemma2() {
    gemma();
    config.putIfAbsent("sliding_window", GEMMA2_WINDOW);
    config.put("attn_logit_softcapping", number(SCORE_CAP, GEMMA2_SCORE_CAP));
    config.put("final_logit_softcapping", number(LOGIT_CAP, GEMMA2_LOGIT_CAP));
    scoreDivisor(GEMMA2_27B_LAYERS);
  }

  private double number(String name, double otherwise) {
    return metadata.real(key(name)).orElse(otherwise);
  }

  /** The largest model alone divides scores by something else than a head's size. */
  private void scoreDivisor(long layersOfLargest) {
    boolean largest = metadata.requireNatural(key("block_count")) == layersOfLargest;
    config.put("query_pre_attn_scalar", largest ? hidden() / heads() : headDim());
  }

  private void gemma3() {
    gemma();
    metadata
        .natural(key(WINDOW_PATTERN))
        .ifPresent(period -> config.put("sliding_window_pattern", period));
    metadata
        .real(key("rope.freq_base_swa"))
        .ifPresent(theta -> config.put("rope_local_base_freq", theta));
    scoreDivisor(GEMMA3_27B_LAYERS);
  }

  private void gemma4(WeightFacts weights) {
    List<Boolean> slides = slides();
    config.put("layer_types", types(slides));
    config.putAll(GemmaConfiguration.translate(metadata, architecture, weights, slides, headDim()));
    metadata.real(key(LOGIT_CAP)).ifPresent(cap -> config.put("final_logit_softcapping", cap));
    if (config.containsKey("enable_moe_block")) {
      config.put(weights.expertsJoined() ? "experts_joined" : "experts_apart", true);
    }
  }

  private void granite() {
    refuseWithout(TURNS);
    multipliers();
  }

  private void graniteHybrid(WeightFacts weights) {
    boolean turns = metadata.flag(key(TURNS)).orElse(true);
    multipliers();
    config.put("position_embedding_type", turns ? "rope" : "nope");
    config.put("layer_types", attentionLayers().types("attention", "mamba"));
    config.putAll(MambaConfiguration.translate(metadata, architecture, weights));
  }

  /** A scale of 0 stands for none. */
  private void multipliers() {
    double scores = number(SCORE_SCALE, 0);
    config.put("attention_multiplier", scores == 0 ? 1 / Math.sqrt((double) headDim()) : scores);
    config.put("embedding_multiplier", oneForNone(EMBEDDING_SCALE));
    config.put("residual_multiplier", oneForNone(RESIDUAL_SCALE));
    config.put("logits_scaling", oneForNone(LOGIT_SCALE));
  }

  /** Each layer attends, has a state or is a feed-forward layer, all of which are of a kind. */
  private void nemotronH(WeightFacts weights, String kind) {
    SomeLayers attention = attentionLayers();
    SomeLayers feedForward = feedForwardLayers();
    List<String> types = attention.types("attention", feedForward, kind, "mamba");
    if (!types.equals(feedForward.types(kind, attention, "attention", "mamba"))) {
      throw metadata.problem(
          key(ExpertConfiguration.DENSE_WIDTH),
          "is above 0 for a layer that attends; a layer can be one of both");
    }
    config.put("layers_block_type", types);
    config.putAll(MambaConfiguration.translate(metadata, architecture, weights));
  }

  /** Its converters have multiplied weights. */
  private void falconH1(WeightFacts weights) {
    config.putAll(MambaConfiguration.translate(metadata, architecture, weights));
    config.put("mamba_rms_norm", weights.stateNorms());
    config.put("mamba_norm_before_gate", false);
  }

  private void glm4Moe(WeightFacts weights) {
    config.put("use_qk_norm", weights.headNorms());
    config.put("num_nextn_predict_layers", draftLayers());
  }

  /** Its converters add 1 to the gains of norms, but for those of linear attention. */
  private void qwen35() {
    config.put("norm_gains_less_one", false);
    config.put("mtp_num_hidden_layers", draftLayers());
    config.putAll(LinearConfiguration.translate(metadata, architecture, layers()));
  }

  /** Its converters have adjusted how wide feed-forward layers are. */
  private void lfm2() {
    config.put("block_auto_adjust_ff_dim", false);
    config.put("layer_types", attentionLayers().types("full_attention", "conv"));
    config.put("conv_L_cache", metadata.requirePositive(key("shortconv.l_cache")));
  }

  private void miniCpm() {
    double branches = metadata.requireReal(key(RESIDUAL_SCALE));
    config.put("scale_emb", metadata.requireReal(key(EMBEDDING_SCALE)));
    config.put("scale_depth", branches * Math.sqrt((double) layers()));
    config.put("dim_model_base", hidden() / metadata.requireReal(key(LOGIT_SCALE)));
  }

  /** The second norm of a larger model is that of attention. */
  private void falcon(WeightFacts weights) {
    config.put("new_decoder_architecture", weights.attentionNorms());
    config.put("qkv_together", true);
  }

  /** Which must be said, as llama.cpp has it. */
  private void gptNeoX() {
    String beside = key("use_parallel_residual");
    config.put(
        "use_parallel_residual", metadata.flag(beside).orElseThrow(() -> metadata.missing(beside)));
    config.put("qkv_together", true);
  }

  private void gptOss() {
    if (!config.containsKey("sliding_window")) {
      throw metadata.missing(key(WINDOW));
    }
  }

  private double oneForNone(String scale) {
    double value = number(scale, 0);
    return value == 0 ? 1 : value;
  }

  private void window() {
    String key = key(WINDOW);
    Optional<Long> window = metadata.natural(key).filter(positions -> positions > 0);
    window.ifPresent(positions -> {
      switch (architecture) {
        case LLAMA -> {
          config.put("architectures", List.of("MistralForCausalLM"));
          config.put("model_type", "mistral");
        }
        case OLMO2 -> {
          config.put("architectures", List.of("Olmo3ForCausalLM"));
          config.put("model_type", "olmo3");
          layerTypes();
        }
        case COHERE2, EXAONE4 -> layerTypes();
        case PHI3, GEMMA2, GEMMA3, GEMMA4, GPT_OSS -> {}
        default ->
            throw metadata.problem(key, "is %d; it must be 0 or missing".formatted(positions));
      }
      config.put("sliding_window", positions);
    });
  }

  private List<Boolean> slides() {
    int layers = Math.toIntExact(metadata.requireNatural(key("block_count")));
    return metadata.flags(key(WINDOW_PATTERN), layers, "layers");
  }

  private static List<String> types(List<Boolean> slides) {
    return slides.stream().map(one -> one ? "sliding_attention" : "full_attention").toList();
  }

  /** Which layers have the window: each is said, or all but every fourth. */
  private void layerTypes() {
    String key = key(WINDOW_PATTERN);
    if (metadata.isArray(key)) {
      config.put("layer_types", types(slides()));
    } else if (metadata.natural(key).orElse(WINDOW_PERIOD) != WINDOW_PERIOD) {
      throw metadata.problem(
          key,
          "is %d; it must be %d, or say for each layer whether it has the window"
              .formatted(metadata.requireNatural(key), WINDOW_PERIOD));
    }
  }
}

package dev.serval.storage.safetensors;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The part for texts of a model that takes other input as well: its configuration and the names of
 * its tensors, as a model for texts alone would have them. What the rest of the model needs is left
 * out.
 *
 * <p>Such a configuration has the fields of the part in {@code text_config}, where those that are
 * as a class of transformers has them may be missing; older ones have them beside those of the
 * rest. Tensors of the part are called {@code language_model.model.…} and {@code
 * language_model.lm_head.…}, or {@code model.language_model.…} and {@code lm_head.…}, or as those
 * of a model for texts.
 *
 * @param config the configuration, unmodifiable
 */
record TextPart(Map<String, Object> config) {
  private static final String ARCHITECTURES = "architectures";
  private static final String TYPE = "model_type";
  private static final String TEXT = "text_config";

  /** Of both parts: the text's own counts where it has them. */
  private static final Set<String> OF_BOTH = Set.of("tie_word_embeddings", "quantization_config");

  /** What only the rest of a model needs. */
  private static final Set<String> OF_THE_REST =
      Set.of(
          "vision_config",
          "image_token_id",
          "video_token_id",
          "vision_token_id",
          "vision_start_token_id",
          "vision_end_token_id");

  /** Texts have the same position in each of several kinds. */
  private static final Set<String> KINDS_OF_POSITIONS =
      Set.of("mrope_section", "mrope_interleaved");

  private static final String THETA = "rope_theta";
  private static final String PARAMETERS = "rope_parameters";
  private static final Set<String> ROTARY = Set.of("rope_scaling", PARAMETERS);

  private static final Map<String, Object> GEMMA3 =
      Map.ofEntries(
          Map.entry("vocab_size", 262_208L),
          Map.entry("hidden_size", 2304L),
          Map.entry("intermediate_size", 9216L),
          Map.entry("num_hidden_layers", 26L),
          Map.entry("num_attention_heads", 8L),
          Map.entry("num_key_value_heads", 4L),
          Map.entry("head_dim", 256L),
          Map.entry("max_position_embeddings", 131_072L),
          Map.entry("query_pre_attn_scalar", 256L),
          Map.entry(THETA, 1e6),
          Map.entry("sliding_window", 4096L));

  private static final Map<String, Object> GEMMA3N =
      Map.ofEntries(
          Map.entry("vocab_size", 262_400L),
          Map.entry("vocab_size_per_layer_input", 262_144L),
          Map.entry("hidden_size", 2048L),
          Map.entry("hidden_size_per_layer_input", 256L),
          Map.entry("intermediate_size", 16_384L),
          Map.entry("num_hidden_layers", 35L),
          Map.entry("num_attention_heads", 8L),
          Map.entry("num_key_value_heads", 2L),
          Map.entry("num_kv_shared_layers", 15L),
          Map.entry("head_dim", 256L),
          Map.entry("max_position_embeddings", 32_768L),
          Map.entry(THETA, 1e6),
          Map.entry("sliding_window", 512L),
          Map.entry("final_logit_softcapping", 30.0),
          Map.entry("altup_coef_clip", 120.0));

  /** Where the names of tensors begin so, and how they begin in a model for texts. */
  private static final List<Map.Entry<String, String>> PREFIXES =
      List.of(
          Map.entry("language_model.model.", "model."),
          Map.entry("language_model.lm_head.", "lm_head."),
          Map.entry("model.language_model.", "model."),
          Map.entry("lm_head.", "lm_head."),
          Map.entry("model.layers.", "model.layers."),
          Map.entry("model.embed_tokens.", "model.embed_tokens."),
          Map.entry("model.embed_tokens_per_layer.", "model.embed_tokens_per_layer."),
          Map.entry("model.per_layer_", "model.per_layer_"),
          Map.entry("model.altup_", "model.altup_"),
          Map.entry("model.norm.", "model.norm."));

  /**
   * A model that has such a part.
   *
   * @param architecture what the whole is called
   * @param type what its configuration's part for texts says it is
   * @param ofTexts what that part is called by itself
   * @param itsType what that says it is
   * @param usual what its fields are where they are missing
   */
  private record Model(
      String architecture,
      String type,
      String ofTexts,
      String itsType,
      Map<String, Object> usual) {}

  private static final List<Model> MODELS =
      List.of(
          model("Gemma3", "gemma3_text", "Gemma3ForCausalLM", "gemma3_text", GEMMA3),
          model("Gemma3n", "gemma3n_text", "Gemma3nForCausalLM", "gemma3n_text", GEMMA3N),
          model("Gemma4", "gemma4_text", "Gemma4ForCausalLM", "gemma4_text", Map.of()),
          model("Lfm2Vl", "lfm2", "Lfm2ForCausalLM", "lfm2", Map.of()),
          model("Llama4", "llama4_text", "Llama4ForCausalLM", "llama4_text", Map.of()),
          model("Mistral3", "mistral", "MistralForCausalLM", "mistral", Map.of()),
          model("Mistral3", "ministral3", "Ministral3ForCausalLM", "ministral3", Map.of()),
          model("Qwen2VL", "qwen2_vl", "Qwen2ForCausalLM", "qwen2", Map.of()),
          model("Qwen2VL", "qwen2_vl_text", "Qwen2ForCausalLM", "qwen2", Map.of()),
          model("Qwen2_5_VL", "qwen2_5_vl", "Qwen2ForCausalLM", "qwen2", Map.of()),
          model("Qwen2_5_VL", "qwen2_5_vl_text", "Qwen2ForCausalLM", "qwen2", Map.of()),
          model("Qwen3VL", "qwen3_vl_text", "Qwen3ForCausalLM", "qwen3", Map.of()),
          model("Qwen3VLMoe", "qwen3_vl_moe_text", "Qwen3MoeForCausalLM", "qwen3_moe", Map.of()),
          model("Qwen3_5", "qwen3_5_text", "Qwen3_5ForCausalLM", "qwen3_5_text", Map.of()),
          model(
              "Qwen3_5Moe",
              "qwen3_5_moe_text",
              "Qwen3_5MoeForCausalLM",
              "qwen3_5_moe_text",
              Map.of()));

  private static Model model(
      String name, String type, String ofTexts, String itsType, Map<String, Object> usual) {
    return new Model(name + "ForConditionalGeneration", type, ofTexts, itsType, usual);
  }

  /** That of a configuration; empty if there is none that is known. */
  static Optional<TextPart> of(Map<String, Object> whole) {
    Map<?, ?> text = whole.get(TEXT) instanceof Map<?, ?> nested ? nested : whole;
    return whole.get(ARCHITECTURES) instanceof List<?> named
        ? MODELS.stream()
            .filter(model -> named.contains(model.architecture))
            .filter(model -> model.type.equals(text.get(TYPE)))
            .map(model -> of(model, whole, text))
            .findFirst()
        : Optional.empty();
  }

  private static TextPart of(Model model, Map<String, Object> whole, Map<?, ?> text) {
    Map<String, Object> config = new LinkedHashMap<>(model.usual);
    if (text.containsKey(PARAMETERS)) {
      config.remove(THETA);
    }
    OF_BOTH.stream()
        .filter(whole::containsKey)
        .forEach(field -> config.put(field, Objects.requireNonNull(whole.get(field))));
    text.forEach((field, value) -> config.put((String) field, value));
    config.keySet().removeAll(OF_THE_REST);
    ROTARY.forEach(field -> config.computeIfPresent(field, (_, fields) -> ofOneKind(fields)));
    config.put(ARCHITECTURES, List.of(model.ofTexts));
    config.put(TYPE, model.itsType);
    return new TextPart(Collections.unmodifiableMap(config));
  }

  private static Object ofOneKind(Object rotary) {
    if (!(rotary instanceof Map<?, ?> fields)) {
      return rotary;
    }
    Map<Object, Object> left = new LinkedHashMap<>(fields);
    left.keySet().removeAll(KINDS_OF_POSITIONS);
    Stream.of("type", "rope_type").forEach(type -> left.replace(type, "mrope", "default"));
    return left;
  }

  /** What a tensor is called in a model for texts; empty if it belongs to the rest. */
  Optional<String> name(String stored) {
    return PREFIXES.stream()
        .filter(prefix -> stored.startsWith(prefix.getKey()))
        .map(prefix -> prefix.getValue() + stored.substring(prefix.getKey().length()))
        .findFirst();
  }
}

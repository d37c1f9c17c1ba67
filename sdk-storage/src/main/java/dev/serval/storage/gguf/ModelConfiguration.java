package dev.serval.storage.gguf;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Translates a model's metadata into the fields of {@code config.json} (keys and defaults as <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a> lays them down).
 * What changes the model's results and has no such field is refused.
 */
final class ModelConfiguration {
  private static final double DEFAULT_ROPE_BASE = 10_000;

  /** Keys that change results, behind the architecture's name, and the value that does not. */
  private static final Map<String, Double> NEUTRAL =
      Map.ofEntries(
          Map.entry("expert_count", 0.0),
          Map.entry("expert_used_count", 0.0),
          Map.entry("attention.max_alibi_bias", 0.0),
          Map.entry("attention.clamp_kqv", 0.0),
          Map.entry("attention.scale", 0.0),
          Map.entry("attention.layer_norm_epsilon", 0.0),
          Map.entry("attn_logit_softcapping", 0.0),
          Map.entry("final_logit_softcapping", 0.0),
          Map.entry("logit_scale", 1.0),
          Map.entry("embedding_scale", 1.0),
          Map.entry("residual_scale", 1.0),
          Map.entry("pooling_type", 0.0),
          Map.entry("nextn_predict_layers", 0.0),
          Map.entry("rope.scaling.attn_factor", 1.0),
          Map.entry("rope.scaling.yarn_log_multiplier", 0.0));

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
    translation.rotation(weights.rotaryDivisors());
    translation.window();
    return Collections.unmodifiableMap(translation.config);
  }

  private String key(String name) {
    return architecture.key() + "." + name;
  }

  private void refuseUnsupported() {
    for (Map.Entry<String, Double> neutral : NEUTRAL.entrySet()) {
      String key = key(neutral.getKey());
      if (metadata.has(key) && metadata.number(key) != neutral.getValue()) {
        throw metadata.problem(
            key,
            "is %s; models are supported for which it is %s or missing"
                .formatted(metadata.number(key), neutral.getValue()));
      }
    }
    metadata
        .flag(key("attention.causal"))
        .filter(causal -> !causal)
        .ifPresent(causal -> {
          throw metadata.problem(key("attention.causal"), "is false; it must be true");
        });
  }

  private void sizes() {
    long heads = metadata.requireNatural(key("attention.head_count"));
    long hidden = metadata.requireNatural(key("embedding_length"));
    if (heads == 0) {
      throw metadata.problem(key("attention.head_count"), "is 0; it must be at least 1");
    }
    config.put("architectures", List.of(architecture.model()));
    config.put("model_type", architecture.key());
    config.put("hidden_act", "silu");
    config.put("hidden_size", hidden);
    config.put("intermediate_size", metadata.requireNatural(key("feed_forward_length")));
    config.put("num_hidden_layers", metadata.requireNatural(key("block_count")));
    config.put("num_attention_heads", heads);
    config.put(
        "num_key_value_heads", metadata.natural(key("attention.head_count_kv")).orElse(heads));
    config.put("head_dim", headDim(hidden, heads));
    config.put("max_position_embeddings", metadata.requireNatural(key("context_length")));
    config.put("rms_norm_eps", metadata.requireReal(key("attention.layer_norm_rms_epsilon")));
  }

  private long headDim(long hidden, long heads) {
    Optional<Long> given = metadata.natural(key("attention.key_length"));
    if (given.isEmpty() && hidden % heads != 0) {
      throw metadata.problem(
          key("embedding_length"), "is %d, no multiple of %d heads".formatted(hidden, heads));
    }
    long headDim = given.orElse(hidden / heads);
    requireHeadDim("attention.value_length", headDim);
    requireHeadDim("rope.dimension_count", headDim);
    return headDim;
  }

  private void requireHeadDim(String name, long headDim) {
    long found = metadata.natural(key(name)).orElse(headDim);
    if (found != headDim) {
      throw metadata.problem(
          key(name), "is %d; it must be the head's size, %d".formatted(found, headDim));
    }
  }

  private void weights(WeightFacts weights) {
    config.put("vocab_size", weights.vocabulary());
    config.put("tie_word_embeddings", weights.tied());
    if (weights.attentionBias() && architecture != Architecture.QWEN2) {
      config.put("attention_bias", true);
    }
    if (weights.mlpBias()) {
      config.put("mlp_bias", true);
    }
  }

  private void rotation(List<Double> divisors) {
    config.put("rope_theta", metadata.real(key("rope.freq_base")).orElse(DEFAULT_ROPE_BASE));
    if (architecture.interleaved()) {
      config.put("rope_interleaved", true);
    }
    Optional<Double> factor = linearFactor();
    if (!divisors.isEmpty()) {
      factor.ifPresent(both -> {
        throw metadata.problem(
            key("rope.scaling.factor"),
            "is %s, and there is a tensor %s; one of both may scale positions"
                .formatted(both, TensorNames.ROTARY_DIVISORS));
      });
      config.put("rope_scaling", Map.of("rope_type", "divisors", "divisors", divisors));
    }
    factor.ifPresent(
        value -> config.put("rope_scaling", Map.of("rope_type", "linear", "factor", value)));
  }

  private Optional<Double> linearFactor() {
    String type = metadata.text(key("rope.scaling.type")).orElse("linear");
    Optional<Double> factor =
        metadata
            .real(key("rope.scaling.factor"))
            .or(() -> metadata.real(key("rope.scale_linear")))
            .filter(value -> value != 0 && value != 1);
    return switch (type) {
      case "none" -> Optional.empty();
      case "linear" -> factor;
      default ->
          throw metadata.problem(
              key("rope.scaling.type"), "is '" + type + "'; supported are none and linear");
    };
  }

  private void window() {
    String key = key("attention.sliding_window");
    Optional<Long> window = metadata.natural(key).filter(positions -> positions > 0);
    if (window.isPresent() && architecture != Architecture.LLAMA) {
      throw metadata.problem(key, "is %d; it must be 0 or missing".formatted(window.get()));
    }
    window.ifPresent(positions -> {
      config.put("architectures", List.of("MistralForCausalLM"));
      config.put("model_type", "mistral");
      config.put("sliding_window", positions);
    });
  }
}

package dev.serval.storage.gguf.architecture;

import dev.serval.storage.text.Quoted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Translates what a file says of rotary positions. llama.cpp is what such files are made for, so
 * where a key leaves something open it is as there.
 */
final class RotaryConfiguration {
  /** What DeepSeek's converters multiply a share by. */
  private static final double SHARE_OF_ONE = 0.1;

  private static final double DEFAULT_BASE = 10_000;
  private static final String SCALING_TYPE = "rope.scaling.type";
  private static final String YARN = "yarn";
  private static final String LONG_ROPE = "longrope";
  private static final List<String> TYPES = List.of("none", "linear", YARN, LONG_ROPE);
  private static final String FACTOR = "rope.scaling.factor";
  private static final String GROWTH = "llama_4_scaling_beta";
  private static final String ATTENTION_FACTOR = "rope.scaling.attn_factor";

  private static final String ORIGINAL_CONTEXT = "rope.scaling.original_context_length";

  private final StoredModel model;
  private final ModelMetadata metadata;
  private final WeightFacts weights;
  private final Positions positions;

  RotaryConfiguration(StoredModel model, Positions positions) {
    this.model = model;
    this.positions = positions;
    metadata = model.metadata();
    weights = model.weights();
  }

  /** Puts the fields; there are none where positions turn nothing. */
  void translate(Fields fields) {
    if (positions == Positions.EMBEDDED) {
      return;
    }
    long turnable = turnable();
    fields.put("rope_theta", metadata.real("rope.freq_base", DEFAULT_BASE));
    if (positions != Positions.HALVES) {
      fields.put("rope_interleaved", true);
    }
    long turned = metadata.natural(Keys.TURNED).orElse(turnable);
    if (turned == 0 || turned > turnable || turned % 2 != 0) {
      throw metadata.problem(
          Keys.TURNED,
          "is %d; it must be an even number up to the head's size, %d".formatted(turned, turnable));
    }
    fields.put("partial_rotary_factor", (double) turned / turnable);
    scaling().ifPresent(scaling -> fields.put("rope_scaling", scaling));
  }

  /** How many dimensions of a head positions may turn. */
  private long turnable() {
    return positions == Positions.LATENT ? metadata.requirePositive(Keys.TURNED) : model.headDim();
  }

  private Optional<Map<String, Object>> scaling() {
    String type = type();
    Optional<Map<String, Object>> byFactor = factor().flatMap(factor -> byFactor(type, factor));
    Optional<Map<String, Object>> byTensors = byTensors(type);
    if (byFactor.isPresent() && byTensors.isPresent()) {
      throw metadata.problem(
          FACTOR,
          "is %s, and there is a tensor %s; one of both may scale positions"
              .formatted(
                  factor().orElseThrow(),
                  weights.divisors().isPresent()
                      ? TensorNames.ROTARY_DIVISORS
                      : TensorNames.LONG_DIVISORS));
    }
    Optional<Map<String, Object>> scaling = byFactor.or(() -> byTensors);
    if (attentionFactor() != 1
        && scaling.filter(fields -> fields.containsKey("attention_factor")).isEmpty()) {
      throw metadata.problem(
          ATTENTION_FACTOR,
          "is %s; without scaling by yarn or longrope it must be 1 or missing"
              .formatted(attentionFactor()));
    }
    if (growth().isPresent() && scaling.filter(fields -> fields.containsKey(GROWTH)).isEmpty()) {
      throw metadata.problem(
          Keys.QUERY_GROWTH,
          "is %s; without scaling by yarn it must be 0 or missing"
              .formatted(growth().orElseThrow()));
    }
    return scaling;
  }

  private Optional<Double> growth() {
    return metadata.real(Keys.QUERY_GROWTH).filter(share -> share != 0);
  }

  private String type() {
    String type = metadata.text(SCALING_TYPE).orElse("linear");
    if (!TYPES.contains(type)) {
      throw metadata.problem(
          SCALING_TYPE,
          "is %s; supported are %s".formatted(Quoted.of(type), String.join(", ", TYPES)));
    }
    return type;
  }

  /** What positions are divided by, if by anything. */
  private Optional<Double> factor() {
    return metadata
        .real(FACTOR)
        .or(() -> metadata.real("rope.scale_linear"))
        .filter(value -> value != 0 && value != 1);
  }

  private double attentionFactor() {
    return metadata.real(ATTENTION_FACTOR, 1.0);
  }

  private Optional<Map<String, Object>> byFactor(String type, double factor) {
    return switch (type) {
      case "none" -> Optional.empty();
      case YARN -> Optional.of(yarn(factor));
      default -> Optional.of(Map.of("rope_type", "linear", "factor", factor));
    };
  }

  private Map<String, Object> yarn(double factor) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("rope_type", YARN);
    fields.put("factor", factor);
    double share = metadata.real(Keys.YARN_SHARE, 0.0);
    if (positions == Positions.LATENT && share > 0) {
      fields.put("attention_factor", attentionFactor());
      fields.put("mscale", share / SHARE_OF_ONE);
      fields.put("mscale_all_dim", share / SHARE_OF_ONE);
    } else {
      fields.put(
          "attention_factor", attentionFactor() * sharpened(1, factor) / sharpened(share, factor));
    }
    growth().ifPresent(x -> fields.put(GROWTH, x));
    metadata.real("rope.scaling.yarn_beta_fast").ifPresent(x -> fields.put("beta_fast", x));
    metadata.real("rope.scaling.yarn_beta_slow").ifPresent(x -> fields.put("beta_slow", x));
    originalContext(fields);
    return fields;
  }

  private static double sharpened(double share, double factor) {
    return 1 + 0.1 * share * Math.log(factor);
  }

  private void originalContext(Map<String, Object> fields) {
    metadata
        .natural(ORIGINAL_CONTEXT)
        .ifPresent(positions -> fields.put("original_max_position_embeddings", positions));
  }

  private Optional<Map<String, Object>> byTensors(String type) {
    Optional<List<Double>> ofLong = weights.longDivisors();
    if (ofLong.isPresent() != weights.shortDivisors().isPresent()) {
      throw metadata.problem(
          SCALING_TYPE,
          "goes with one of the tensors %s and %s; a model has both or neither"
              .formatted(TensorNames.LONG_DIVISORS, TensorNames.SHORT_DIVISORS));
    }
    if (type.equals(LONG_ROPE) && ofLong.isEmpty()) {
      throw metadata.problem(
          SCALING_TYPE,
          "is '%s', and there is no tensor %s".formatted(LONG_ROPE, TensorNames.LONG_DIVISORS));
    }
    return weights
        .divisors()
        .map(divisors -> Map.<String, Object>of("rope_type", "divisors", "divisors", divisors))
        .or(() -> ofLong.map(this::longRope));
  }

  private Map<String, Object> longRope(List<Double> ofLong) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("rope_type", LONG_ROPE);
    fields.put("long_factor", ofLong);
    fields.put("short_factor", weights.shortDivisors().orElseThrow());
    fields.put("attention_factor", attentionFactor());
    fields.put(
        "original_max_position_embeddings",
        metadata
            .natural(ORIGINAL_CONTEXT)
            .orElseGet(() -> metadata.requireNatural("context_length")));
    return fields;
  }
}

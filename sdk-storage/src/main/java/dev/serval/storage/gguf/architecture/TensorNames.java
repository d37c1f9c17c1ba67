package dev.serval.storage.gguf.architecture;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What GGUF's names of tensors are called in Hugging Face's checkpoints. */
public final class TensorNames {
  public static final String EMBEDDINGS = "token_embd.weight";
  static final String HEAD = "output.weight";

  /** How the names of what the convolutions before states add end. */
  static final String CONVOLUTION_BIAS = ".ssm_conv1d.bias";

  /** How those of norms of what states give end. */
  static final String STATE_NORM = ".ssm_norm.weight";

  static final String ROTARY_DIVISORS = "rope_freqs.weight";
  static final String LONG_DIVISORS = "rope_factors_long.weight";
  static final String SHORT_DIVISORS = "rope_factors_short.weight";

  /** What is no weight, and becomes part of the configuration. */
  public static final Set<String> DIVISORS = Set.of(ROTARY_DIVISORS, LONG_DIVISORS, SHORT_DIVISORS);

  /** What is neither a map's weight nor its bias, and not named as one. */
  private static final Set<String> ALONE =
      Set.of("attn_sinks", "exp_probs_b", "layer_output_scale", "ssm_a", "ssm_d", "ssm_dt");

  /** What is not named as one in this format either. */
  private static final Set<String> BARE = Set.of("ssm_a", "ssm_d");

  /** How the own names of those end that have no suffix in this format. */
  private static final String WEIGHT = ".weight";

  /** How what is multiplied by column, or by expert, is named. */
  private static final String SCALE = "scale";

  private static final String QUERIES = ".attn_q.weight";

  /** What the names of tensors that only predicting further tokens needs begin with. */
  private static final String NEXT = "nextn.";

  private static final Pattern LAYER =
      Pattern.compile("blk\\.(0|[1-9]\\d{0,5})\\.((?:nextn\\.|shortconv\\.)?\\w+)(?:\\.(\\w+))?");

  private static final Pattern OUTSIDE = Pattern.compile("(\\w+)\\.(weight|bias)");

  private static final Map<String, String> OUTSIDE_LAYERS =
      Map.of(
          "token_embd", "model.embed_tokens",
          "output_norm", "model.norm",
          "output", "lm_head");

  /** What else lies there in some architectures, which have names of their own for it. */
  private static final Set<String> ALSO_OUTSIDE =
      Set.of(
          "token_embd_norm",
          "position_embd",
          "per_layer_token_embd",
          "per_layer_model_proj",
          "per_layer_proj_norm");

  private static final Map<String, String> IN_LAYERS =
      Map.ofEntries(
          Map.entry("attn_norm", "input_layernorm"),
          Map.entry("attn_q", "self_attn.q_proj"),
          Map.entry("attn_k", "self_attn.k_proj"),
          Map.entry("attn_v", "self_attn.v_proj"),
          Map.entry("attn_q_norm", "self_attn.q_norm"),
          Map.entry("attn_k_norm", "self_attn.k_norm"),
          Map.entry("attn_output", "self_attn.o_proj"),
          Map.entry("attn_sinks", "self_attn.sinks"),
          Map.entry("ffn_norm", "post_attention_layernorm"),
          Map.entry("ffn_gate", "mlp.gate_proj"),
          Map.entry("ffn_up", "mlp.up_proj"),
          Map.entry("ffn_down", "mlp.down_proj"));

  private TensorNames() {}

  /**
   * What the names of a layer's tensors begin with that has queries of its own, as layers of linear
   * attention do not; those of the first layer where there is none.
   */
  static String attentionLayer(Set<String> tensors) {
    return tensors.stream()
        .filter(tensor -> tensor.endsWith(QUERIES))
        .map(tensor -> tensor.substring(0, tensor.length() - QUERIES.length() + 1))
        .findFirst()
        .orElse("blk.0.");
  }

  /** The layers that have a map of this name. */
  static Set<Integer> layersWith(String map, Set<String> tensors) {
    return tensors.stream()
        .map(LAYER::matcher)
        .filter(layer -> layer.matches() && layer.group(2).equals(map))
        .map(layer -> Integer.valueOf(layer.group(1)))
        .collect(Collectors.toUnmodifiableSet());
  }

  /** What each of the experts in a tensor is called there; empty if it is none of theirs. */
  public static Optional<IntFunction<String>> ofExperts(String tensor, Architecture architecture) {
    Matcher layer = LAYER.matcher(tensor);
    if (!layer.matches() || !known(layer)) {
      return Optional.empty();
    }
    return Optional.ofNullable(architecture.expertNames().get(layer.group(2)))
        .map(name -> expert -> inLayer(layer, name.formatted(expert), architecture));
  }

  /** The name in Hugging Face's vocabulary; empty if it has none there. */
  public static Optional<String> translated(String tensor, Architecture architecture) {
    Matcher layer = LAYER.matcher(tensor);
    if (!layer.matches()) {
      return outside(tensor, architecture);
    }
    String part = layer.group(2);
    if (SCALE.equals(layer.group(3))) {
      return Optional.ofNullable(architecture.ownNames().get(part + "." + SCALE))
          .map(name -> whole(layer, name, architecture));
    }
    String own = architecture.ownNames().getOrDefault(part, "");
    if (layer.group(3) == null && own.endsWith(WEIGHT)) {
      return Optional.of(whole(layer, own, architecture));
    }
    return part.startsWith(NEXT) && layer.group(3) != null
        ? Optional.of(inLayer(layer, part, architecture))
        : known(part, layer, architecture);
  }

  private static Optional<String> outside(String tensor, Architecture architecture) {
    Matcher outside = OUTSIDE.matcher(tensor);
    return outside.matches() && isOutside(outside.group(1))
        ? Optional.ofNullable(architecture.ownNames().get(outside.group(1)))
            .or(() -> Optional.ofNullable(OUTSIDE_LAYERS.get(outside.group(1))))
            .map(name -> name + "." + outside.group(2))
        : Optional.empty();
  }

  private static boolean isOutside(String part) {
    return OUTSIDE_LAYERS.containsKey(part) || ALSO_OUTSIDE.contains(part);
  }

  private static Optional<String> known(String part, Matcher layer, Architecture architecture) {
    return Optional.ofNullable(architecture.ownNames().get(part))
        .filter(name -> !isOutside(part) && !name.endsWith(WEIGHT))
        .or(() -> Optional.ofNullable(IN_LAYERS.get(part)))
        .filter(_ -> known(layer))
        .map(name -> inLayer(layer, name, architecture));
  }

  private static boolean known(Matcher layer) {
    String kind = layer.group(3);
    return BARE.contains(layer.group(2))
        ? kind == null
        : "weight".equals(kind) || "bias".equals(kind);
  }

  private static String inLayer(Matcher layer, String name, Architecture architecture) {
    String whole = whole(layer, name, architecture);
    return ALONE.contains(layer.group(2)) ? whole : whole + "." + layer.group(3);
  }

  private static String whole(Matcher layer, String name, Architecture architecture) {
    return "%s.%s.%s".formatted(architecture.layers(), layer.group(1), name);
  }
}

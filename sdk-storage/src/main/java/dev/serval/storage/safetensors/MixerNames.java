package dev.serval.storage.safetensors;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What tensors are called in models whose layers have one part, a {@code mixer} behind a {@code
 * norm}, whatever it is: Nemotron-H. They become what most models call them.
 */
final class MixerNames {
  private static final Set<String> ARCHITECTURES = Set.of("NemotronHForCausalLM");

  private static final Pattern LAYER =
      Pattern.compile("(?:backbone|model)\\.layers\\.(\\d+)\\.(norm|mixer)\\.(.+)");

  private static final Pattern STATE_SPACE =
      Pattern.compile("(?:A_log|D|dt_bias|(?:conv1d|in_proj|norm|out_proj)\\..+)");

  private static final Pattern ATTENTION = Pattern.compile("[qkvo]_proj\\..+");

  /** Where the names of tensors outside layers begin so, and how they begin in most models. */
  private static final Map<String, String> OUTSIDE =
      Map.of(
          "backbone.embeddings.", "model.embed_tokens.",
          "backbone.norm_f.", "model.norm.",
          "model.embeddings.", "model.embed_tokens.",
          "model.norm_f.", "model.norm.");

  private MixerNames() {}

  /** Whether a model's tensors are called so. */
  static boolean in(Map<String, Object> config) {
    return config.get("architectures") instanceof List<?> named
        && named.stream().anyMatch(ARCHITECTURES::contains);
  }

  /** What most models call a tensor. */
  static String usual(String stored) {
    Matcher layer = LAYER.matcher(stored);
    if (layer.matches()) {
      return "model.layers.%s.%s".formatted(layer.group(1), within(layer));
    }
    return OUTSIDE.entrySet().stream()
        .filter(prefix -> stored.startsWith(prefix.getKey()))
        .map(prefix -> prefix.getValue() + stored.substring(prefix.getKey().length()))
        .findFirst()
        .orElse(stored);
  }

  private static String within(Matcher layer) {
    String name = layer.group(3);
    if (layer.group(2).equals("norm")) {
      return "input_layernorm." + name;
    }
    if (STATE_SPACE.matcher(name).matches()) {
      return "mamba." + name;
    }
    return (ATTENTION.matcher(name).matches() ? "self_attn." : "mlp.") + name;
  }
}

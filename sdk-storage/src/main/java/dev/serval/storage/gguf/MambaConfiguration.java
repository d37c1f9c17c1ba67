package dev.serval.storage.gguf;

import java.util.LinkedHashMap;
import java.util.Map;

/** Translates what a file says of layers that are state spaces, as Mamba 2 has them. */
final class MambaConfiguration {
  private MambaConfiguration() {}

  /**
   * The fields of {@code config.json}. Its converters store what a state decays by, and not the
   * logarithm.
   */
  static Map<String, Object> translate(
      Metadata metadata, Architecture architecture, WeightFacts weights) {
    StateSizes sizes = StateSizes.read(metadata, architecture);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("mamba_n_heads", sizes.heads());
    fields.put("mamba_d_head", sizes.columns());
    fields.put("mamba_n_groups", sizes.groups());
    fields.put("mamba_d_state", sizes.rows());
    fields.put("mamba_d_conv", sizes.taps());
    fields.put("mamba_conv_bias", weights.convolutionBias());
    fields.put("linear_decay_logarithms", false);
    return fields;
  }
}

package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.RotaryLayers;
import java.util.Map;
import java.util.Set;

/**
 * K-EXAONE: as Qwen3, with experts as DeepSeek-V3 has them; three of four layers have a window, and
 * positions turn nothing in the others; a layer that predicts further tokens is left out.
 */
public final class ExaoneMoe extends DecoderFamily {
  private static final Map<String, String> FIELDS =
      Map.of(SigmoidExperts.COUNT, "num_experts", SigmoidExperts.SHARED, "num_shared_experts");

  /** For the service loader. */
  public ExaoneMoe() {
    super(
        "exaone_moe", Set.of("ExaoneMoEForCausalLM", "ExaoneMoeForCausalLM"), Set.of("exaone_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.rename(FIELDS);
    LayerWindows windows = Exaone4.windows(config);
    return DecoderTraits.with(windows)
        .headNorms(HeadNorms.EACH)
        .rotaryLayers(RotaryLayers.windowed(windows, config))
        .experts(SigmoidExperts.read(config).sparse(config))
        .draftLayers(config.atLeast("num_nextn_predict_layers", 0, 0))
        .build();
  }
}

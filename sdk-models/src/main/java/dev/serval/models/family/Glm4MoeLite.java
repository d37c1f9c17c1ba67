package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import java.util.Set;

/** GLM-4.7-Flash, which is built as DeepSeek-V3 is. */
public final class Glm4MoeLite extends DecoderFamily {
  /** For the service loader. */
  public Glm4MoeLite() {
    super("glm4moe_lite", Set.of("Glm4MoeLiteForCausalLM"), Set.of("glm4_moe_lite"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DeepseekV3.common(config).build();
  }
}

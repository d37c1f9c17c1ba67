package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/** Mixtral: as Mistral, with experts in all of its feed-forward layers. */
public final class Mixtral extends DecoderFamily {
  static final ExpertTraits.Names NAMES = names("block_sparse_moe.gate");

  /** The same but for what gives the scores. */
  static ExpertTraits.Names names(String router) {
    return new ExpertTraits.Names.Apart(router, "block_sparse_moe.experts", "w1", "w3", "w2");
  }

  /** For the service loader. */
  public Mixtral() {
    super("mixtral", Set.of("MixtralForCausalLM"), Set.of("mixtral"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return DecoderTraits.with(LayerWindows.everywhere(config))
        .experts(ExpertTraits.read(config, "num_local_experts", "intermediate_size", true, NAMES))
        .build();
  }
}

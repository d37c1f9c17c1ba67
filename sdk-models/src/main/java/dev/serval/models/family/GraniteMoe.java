package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.Set;

/** Granite 3 with experts in all of its feed-forward layers, none of which all rows go to. */
public final class GraniteMoe extends DecoderFamily {
  static final String ROUTER = "block_sparse_moe.router.layer";
  static final Names NAMES =
      new Names.Together(
          ROUTER, "block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight");

  /** For the service loader. */
  public GraniteMoe() {
    super("granitemoe", Set.of("GraniteMoeForCausalLM"), Set.of("granitemoe"));
  }

  /** GGUF has each expert's gates and ups by themselves, as Mixtral's checkpoints do. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    Names names = config.flag("experts_apart", false) ? Mixtral.NAMES : NAMES;
    return Granite.common(config, LayerWindows.none(config), false)
        .experts(ExpertTraits.read(config, "num_local_experts", "intermediate_size", true, names))
        .build();
  }
}

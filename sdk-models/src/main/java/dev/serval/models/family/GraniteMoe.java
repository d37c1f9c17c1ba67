package dev.serval.models.family;

import dev.serval.models.family.ExpertTraits.Names;
import java.util.Set;

/** Granite 3 with experts in all of its feed-forward layers, none of which all rows go to. */
public final class GraniteMoe extends DecoderFamily {
  private static final Names NAMES =
      new Names.Together(
          "block_sparse_moe.router.layer",
          "block_sparse_moe.input_linear",
          "block_sparse_moe.output_linear");

  /** For the service loader. */
  public GraniteMoe() {
    super("granitemoe", Set.of("GraniteMoeForCausalLM"), Set.of("granitemoe"));
  }

  /** GGUF has each expert's gates and ups by themselves, as Mixtral's checkpoints do. */
  @Override
  DecoderTraits traits(ModelConfig config) {
    Names names = config.flag("experts_apart", false) ? Mixtral.NAMES : NAMES;
    return Granite.common(config, false)
        .experts(ExpertTraits.read(config, "num_local_experts", "intermediate_size", true, names))
        .build();
  }
}

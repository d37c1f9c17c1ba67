package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import java.util.Optional;
import java.util.Set;

/**
 * Qwen 1.5 and 2 with experts (<a href="https://arxiv.org/abs/2407.10671">arXiv:2407.10671</a>): as
 * Qwen2, with experts in all feed-forward layers and one that all rows go to, by a share of its
 * own.
 */
public final class Qwen2Moe extends DecoderFamily {
  /** For the service loader. */
  public Qwen2Moe() {
    super("qwen2moe", Set.of("Qwen2MoeForCausalLM"), Set.of("qwen2_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean normalised = config.flag("norm_topk_prob", false);
    return DecoderTraits.with(LayerWindows.aboveSome(config))
        .biases(true, false, false)
        .experts(experts(config, normalised, ExpertTraits.Names.USUAL))
        .build();
  }

  /**
   * Experts and one that all rows go to, as later models have them, too.
   *
   * @param normalised whether the shares of those that a row goes to add up to 1
   * @param names what their tensors are called
   */
  static ExpertTraits experts(ModelConfig config, boolean normalised, ExpertTraits.Names names) {
    ExpertTraits.Shared shared =
        new ExpertTraits.Shared(
            config.width("shared_expert_intermediate_size"),
            MapNames.of("mlp.shared_expert."),
            Optional.of("mlp.shared_expert_gate"));
    return ExpertTraits.read(config, "num_experts", "moe_intermediate_size", normalised, names)
        .with(shared);
  }
}

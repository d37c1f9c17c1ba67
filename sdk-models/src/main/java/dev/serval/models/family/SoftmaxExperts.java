package dev.serval.models.family;

import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.ExpertTraits;
import java.util.Set;

/**
 * Experts as DeepSeekMoE has them (<a href="https://arxiv.org/abs/2401.06066">arXiv:2401.06066</a>,
 * section 3): scores by the softmax of all, experts that all rows go to, and dense layers below;
 * under the names of {@link SigmoidExperts}' fields.
 */
final class SoftmaxExperts {
  private SoftmaxExperts() {}

  /**
   * Reads them.
   *
   * @param normalised whether shares add up to 1 unless that is said
   */
  static ExpertTraits read(ModelConfig config, boolean normalised) {
    config.choice(SigmoidExperts.SCORING, Set.of("softmax"));
    return ExpertTraits.read(
            config,
            SigmoidExperts.COUNT,
            "moe_intermediate_size",
            config.flag("norm_topk_prob", normalised),
            ExpertTraits.Names.USUAL)
        .multiplied(config.optionalPositive("routed_scaling_factor").orElse(1.0))
        .shared(config, SigmoidExperts.SHARED)
        .above(config, SigmoidExperts.DENSE, 0);
  }
}

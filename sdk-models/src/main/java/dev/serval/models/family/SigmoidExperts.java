package dev.serval.models.family;

import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.ExpertTraits;
import java.util.Set;

/**
 * Experts as DeepSeek-V3 has them (<a href="https://arxiv.org/abs/2412.19437">arXiv:2412.19437</a>,
 * section 2.1.2): scores by the logistic function with a selection bias, groups of experts, experts
 * that all rows go to, and dense layers below.
 */
final class SigmoidExperts {
  /** The field that says how many there are. */
  static final String COUNT = "n_routed_experts";

  /** Named after what it does without. */
  private static final String SELECTION = "noaux_tc";

  private SigmoidExperts() {}

  static ExpertTraits read(ModelConfig config) {
    return routed(config)
        .shared(config, "n_shared_experts")
        .above(config, "first_k_dense_replace", 0);
  }

  /** Those that some rows go to, in all layers. */
  static ExpertTraits routed(ModelConfig config) {
    config.choice("scoring_func", Set.of("sigmoid", SELECTION));
    config.choice("topk_method", Set.of(SELECTION));
    boolean normalised = config.flag("norm_topk_prob", true);
    return ExpertTraits.read(
            config, COUNT, "moe_intermediate_size", normalised, ExpertTraits.Names.USUAL)
        .scored(
            Scoring.SIGMOID,
            "mlp.gate.e_score_correction_bias",
            config.optionalPositive("routed_scaling_factor").orElse(1.0))
        .grouped(config, GroupScore.TWO_HIGHEST);
  }
}

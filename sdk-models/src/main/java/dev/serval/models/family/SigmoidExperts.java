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

  /** That which says how many there are that all rows go to. */
  static final String SHARED = "n_shared_experts";

  /** That which says what makes scores. */
  static final String SCORING = "scoring_func";

  /** That which says how many layers below have none. */
  static final String DENSE = "first_k_dense_replace";

  private static final String SELECTION_BIAS = "mlp.gate.e_score_correction_bias";

  /** Named after what it does without. */
  private static final String SELECTION = "noaux_tc";

  private SigmoidExperts() {}

  static ExpertTraits read(ModelConfig config) {
    return read(config, ExpertTraits.Names.USUAL, SELECTION_BIAS);
  }

  /** The same under other names. */
  static ExpertTraits read(ModelConfig config, ExpertTraits.Names names, String selectionBias) {
    return routed(config, names, selectionBias).shared(config, SHARED).above(config, DENSE, 0);
  }

  /** Those that some rows go to, in all layers. */
  static ExpertTraits routed(ModelConfig config) {
    return routed(config, ExpertTraits.Names.USUAL, SELECTION_BIAS);
  }

  private static ExpertTraits routed(
      ModelConfig config, ExpertTraits.Names names, String selectionBias) {
    config.choice(SCORING, Set.of("sigmoid", SELECTION));
    config.choice("topk_method", Set.of(SELECTION));
    boolean normalised = config.flag("norm_topk_prob", true);
    return ExpertTraits.read(config, COUNT, "moe_intermediate_size", normalised, names)
        .scored(
            Scoring.SIGMOID,
            selectionBias,
            config.optionalPositive("routed_scaling_factor").orElse(1.0))
        .grouped(config, GroupScore.TWO_HIGHEST);
  }
}

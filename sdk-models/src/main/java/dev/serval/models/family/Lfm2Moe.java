package dev.serval.models.family;

import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import java.util.Set;

/** LFM2 with experts above some dense layers: scores by the logistic function with a bias. */
public final class Lfm2Moe extends DecoderFamily {
  private static final ExpertTraits.Names NAMES =
      new ExpertTraits.Names.Apart("feed_forward.gate", "feed_forward.experts", "w1", "w3", "w2");

  /** For the service loader. */
  public Lfm2Moe() {
    super("lfm2moe", Set.of("Lfm2MoeForCausalLM"), Set.of("lfm2_moe"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.allowOnly(true, "use_expert_bias");
    config.ignore(Lfm2.ADJUSTED);
    return Lfm2.common(config)
        .experts(
            ExpertTraits.read(
                    config,
                    "num_experts",
                    "moe_intermediate_size",
                    config.flag("norm_topk_prob", true),
                    NAMES)
                .scored(
                    Scoring.SIGMOID,
                    "feed_forward.expert_bias",
                    config.optionalPositive("routed_scaling_factor").orElse(1.0))
                .above(config, "num_dense_layers", 0))
        .build();
  }
}

package dev.serval.models.family;

import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.Set;

/**
 * DeepSeek-V2 and its Lite (<a href="https://arxiv.org/abs/2405.04434">arXiv:2405.04434</a>):
 * latent attention, experts by the softmax of their scores, the best of few groups alone in the
 * larger, some that all rows go to, and dense layers below.
 */
public final class DeepseekV2 extends DecoderFamily {
  private static final String METHOD = "topk_method";
  private static final String GROUPED = "group_limited_greedy";

  /** For the service loader. */
  public DeepseekV2() {
    super("deepseek_v2", Set.of("DeepseekV2ForCausalLM"), Set.of("deepseek_v2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return LatentTraits.attention(config).experts(experts(config)).build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    boolean grouped =
        config.choice(METHOD, Set.of("greedy", GROUPED)).filter(GROUPED::equals).isPresent();
    ExpertTraits experts = SoftmaxExperts.read(config, false);
    return grouped ? experts.grouped(config, GroupScore.HIGHEST) : experts;
  }
}

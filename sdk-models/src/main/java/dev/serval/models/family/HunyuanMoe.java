package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import dev.serval.models.decoder.traits.ExpertTraits.Shared;
import dev.serval.models.decoder.traits.MapNames;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Hunyuan with experts, and one beside them that all rows go to. */
public final class HunyuanMoe extends DecoderFamily {
  private static final String COUNT = "num_experts";
  private static final String USED = "moe_topk";
  private static final String INNER = "moe_intermediate_size";
  private static final String SHARED = "num_shared_expert";
  private static final String WIDTH = "intermediate_size";

  /** There is always one that all rows go to; the others are of groups that are not used. */
  private static final List<String> OF_NO_USE =
      List.of(
          "use_mixed_mlp_moe",
          "routed_scaling_factor",
          "n_group",
          "topk_group",
          "moe_drop_tokens",
          "moe_random_routing_dropped_token");

  /** For the service loader. */
  public HunyuanMoe() {
    super(
        "hunyuanmoe",
        Set.of("HunYuanMoEV1ForCausalLM"),
        Set.of("hunyuan_v1_moe", "hunyuan_moe", "hunyuan"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    List.of(COUNT, USED, INNER, SHARED).forEach(config::alike);
    OF_NO_USE.forEach(config::ignore);
    config.allowOnly(false, "group_limited_greedy");
    config.allowOnly(true, "norm_topk_prob");
    return HunyuanDense.common(config).experts(experts(config)).build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    String inner = config.has(INNER) ? INNER : WIDTH;
    return ExpertTraits.read(config, COUNT, USED, inner, true, new Names.Apart("mlp.gate.wg"))
        .with(new Shared(shared(config), MapNames.of("mlp.shared_mlp."), Optional.empty()))
        .above(config, "moe_layer_num_skipped", 0);
  }

  /** Several are one that is as wide as all of them. */
  private static int shared(ModelConfig config) {
    int width = config.width(WIDTH);
    int count = config.count(SHARED, 1);
    if (2L * width * count > Integer.MAX_VALUE) {
      throw config.refuse(
          SHARED, "a number whose experts of %d are 2^30 wide at most together".formatted(width));
    }
    return width * count;
  }
}

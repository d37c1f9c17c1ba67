package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RotaryLayers;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Granite 4: most layers are state spaces (<a
 * href="https://arxiv.org/abs/2405.21060">arXiv:2405.21060</a>), the others attend, mostly without
 * positions; each has experts and one map that all rows go to, or that alone.
 */
public final class GraniteHybrid extends DecoderFamily {
  private static final String EXPERTS = "num_local_experts";
  private static final String SHARED = "shared_intermediate_size";
  private static final String POSITIONS = "position_embedding_type";
  private static final MapNames FUSED =
      MapNames.fused("shared_mlp.input_linear", "shared_mlp.output_linear");

  /** Of training, of how kernels work, or of steps in time that are never as long. */
  private static final List<String> OF_NO_USE =
      List.of(
          "init_method",
          "mamba_chunk_size",
          "time_step_min",
          "time_step_max",
          "time_step_floor",
          "num_experts_per_token");

  /** For the service loader. */
  public GraniteHybrid() {
    super("granitehybrid", Set.of("GraniteMoeHybridForCausalLM"), Set.of("granitemoehybrid"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    OF_NO_USE.forEach(config::ignore);
    config.choice("normalization_function", Set.of("rmsnorm"));
    config.allowOnly(false, "mamba_proj_bias");
    boolean apart = config.flag("experts_apart", false);
    MapNames shared = apart ? MapNames.of("shared_mlp.") : FUSED;
    int hidden = config.count("hidden_size");
    DecoderTraits.Builder traits =
        Granite.common(config, LayerWindows.ofSome(), false)
            .rotaryLayers(positions(config))
            .names(PartNames.USUAL.with(shared))
            .states(StateSpaceTraits.read(config, hidden));
    return config.atLeast(EXPERTS, 0, 0) == 0
        ? traits.width(alone(config)).build()
        : traits.experts(experts(config, apart, shared)).build();
  }

  private static RotaryLayers positions(ModelConfig config) {
    return config.choice(POSITIONS, Set.of("rope", "nope")).orElse("rope").equals("rope")
        ? RotaryLayers.all()
        : RotaryLayers.none();
  }

  private static int alone(ModelConfig config) {
    config.ignore("num_experts_per_tok");
    return config.width(SHARED);
  }

  private static ExpertTraits experts(ModelConfig config, boolean apart, MapNames shared) {
    ExpertTraits.Names names = apart ? Mixtral.names(GraniteMoe.ROUTER) : GraniteMoe.NAMES;
    ExpertTraits experts = ExpertTraits.read(config, EXPERTS, "intermediate_size", true, names);
    int width = config.atLeast(SHARED, 0, 0);
    return width == 0
        ? experts
        : experts.with(new ExpertTraits.Shared(config.width(SHARED), shared, Optional.empty()));
  }
}

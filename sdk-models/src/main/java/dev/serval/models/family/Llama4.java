package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import dev.serval.models.decoder.traits.ExpertTraits.Shared;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RotaryLayers;
import dev.serval.models.decoder.traits.RotaryLayers.Growth;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Llama 4 for texts: layers that turn heads normalise them behind that and see chunks of positions;
 * in the others queries grow; experts by the logistic function of their products, which multiplies
 * what they begin with, may be in every so many-th layer.
 */
public final class Llama4 extends DecoderFamily {
  private static final String EXPERT_LAYERS = "moe_layers";
  private static final String MLP = "feed_forward.";
  private static final PartNames NAMES = PartNames.USUAL.with(MapNames.of(MLP));

  private static final Names EXPERTS =
      new Names.Apart(MLP + "router", MLP + "experts", "gate_proj", "up_proj", "down_proj");

  /** For the service loader. */
  public Llama4() {
    super("llama4", Set.of("Llama4ForCausalLM"), Set.of("llama4_text"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("for_llm_compressor");
    boolean bias = config.flag("attention_bias", false);
    boolean norms = config.flag("use_qk_norm", true);
    RotaryLayers rotary = rotary(config);
    return DecoderTraits.with(LayerWindows.chunked(config, rotary))
        .biases(bias, bias, false)
        .names(NAMES)
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .headNorms(norms ? HeadNorms.BARE_BEHIND : HeadNorms.NONE)
        .rotaryLayers(rotary)
        .turning(Turning.NEIGHBOURS)
        .width(config.width("intermediate_size_mlp"))
        .experts(experts(config))
        .build();
  }

  private static RotaryLayers rotary(ModelConfig config) {
    Growth growth =
        new Growth(
            config.optionalPositive("attn_scale").orElse(0.1), config.count("floor_scale", 8192));
    RotaryLayers layers = RotaryLayers.some(config);
    return config.truth("attn_temperature_tuning", true) ? layers.growing(growth) : layers;
  }

  private static ExpertTraits experts(ModelConfig config) {
    String inner = "intermediate_size";
    return ExpertTraits.read(config, "num_local_experts", inner, false, EXPERTS)
        .weighingInputs()
        .with(
            new Shared(config.width(inner), MapNames.of(MLP + "shared_expert."), Optional.empty()))
        .only(expertLayers(config));
  }

  /** Those that are listed, or every so many-th. */
  private static IntPredicate expertLayers(ModelConfig config) {
    int step = config.count("interleave_moe_layer_step", 1);
    Optional<List<Integer>> listed = config.wholes(EXPERT_LAYERS);
    int layers = config.count("num_hidden_layers");
    if (listed.stream().flatMap(List::stream).anyMatch(layer -> layer >= layers)) {
      throw config.refuse(EXPERT_LAYERS, "a list of layers up to " + (layers - 1));
    }
    return listed
        .map(Set::copyOf)
        .<IntPredicate>map(some -> some::contains)
        .orElse(layer -> (layer + 1) % step == 0);
  }
}

package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.family.DecoderTraits.LayerPart;
import dev.serval.models.family.DecoderTraits.PartNames;
import java.util.List;
import java.util.Set;

/**
 * Nemotron-H and Nemotron Nano 2 (<a href="https://arxiv.org/abs/2504.03624">arXiv:2504.03624</a>):
 * each layer is a state space, attention without positions, or a feed-forward layer without gates;
 * norms of state spaces are of parts of a row.
 */
public final class NemotronH extends DecoderFamily {
  private static final String KINDS = "layers_block_type";
  private static final String STATE_SPACE = "mamba";
  private static final String ATTENTION = "attention";
  private static final String FEED_FORWARD = "mlp";

  /** For the service loader. */
  public NemotronH() {
    super("nemotron_h", Set.of("NemotronHForCausalLM"), Set.of("nemotron_h"));
  }

  @Override
  DecoderTraits traits(ModelConfig config) {
    List<String> kinds = kinds(config);
    int hidden = config.count("hidden_size");
    int groups = config.count("mamba_n_groups", 1);
    StateLayers states =
        new StateLayers(
            kinds.stream().map(STATE_SPACE::equals).toList(),
            StateSpaceTraits.read(config, hidden, groups));
    boolean attentionBias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.ofSome())
        .biases(attentionBias, attentionBias, config.flag("mlp_bias", false))
        .activation(UngatedFunction.RELU_SQUARED)
        .names(PartNames.USUAL.with(MapNames.ungated("mlp.up_proj", "mlp.down_proj")))
        .rotaryLayers(RotaryLayers.none())
        .states(states)
        .parts(
            kinds.stream()
                .map(kind -> kind.equals(FEED_FORWARD) ? LayerPart.FEED_FORWARD : LayerPart.MIXER)
                .toList())
        .build();
  }

  private static List<String> kinds(ModelConfig config) {
    int layers = config.count("num_hidden_layers");
    List<String> kinds = config.texts(KINDS).orElse(List.of());
    Set<String> known = Set.of(STATE_SPACE, ATTENTION, FEED_FORWARD);
    if (kinds.size() != layers || !known.containsAll(kinds) || !kinds.contains(ATTENTION)) {
      throw config.refuse(
          KINDS,
          "%s, %s or %s for each of the %d layers, at least one of them %s"
              .formatted(STATE_SPACE, ATTENTION, FEED_FORWARD, layers, ATTENTION));
    }
    return kinds;
  }
}

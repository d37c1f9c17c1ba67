package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerPart;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RotaryLayers;
import dev.serval.models.decoder.traits.RowNorms;
import dev.serval.models.decoder.traits.StateLayers;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Nemotron-H, Nemotron Nano 2 (<a href="https://arxiv.org/abs/2504.03624">arXiv:2504.03624</a>) and
 * Nemotron 3 Nano: each layer is a state space, attention without positions, a feed-forward layer
 * or experts, none of which have gates; norms of state spaces are of parts of a row.
 */
public final class NemotronH extends DecoderFamily {
  private static final String KINDS = "layers_block_type";
  private static final String PATTERN = "hybrid_override_pattern";
  private static final String MLP_BIAS = "mlp_bias";

  /**
   * Of training, of how kernels work, of states' type, which is F32, of layers that predict further
   * tokens, or said by another field as well.
   */
  private static final List<String> OF_NO_USE =
      List.of(
          "auto_map",
          "chunk_size",
          "mamba_ssm_cache_dtype",
          "moe_shared_expert_overlap",
          "mtp_hybrid_override_pattern",
          "mtp_layers_block_type",
          "norm_eps",
          "num_logits_to_keep",
          "rescale_prenorm_residual",
          "residual_in_fp32",
          "time_step_floor",
          "time_step_max",
          "time_step_min",
          "time_step_rank",
          "use_mamba_kernels");

  private static final Map<String, String> FIELDS =
      Map.of(
          "head_dim", "attention_head_dim",
          "hidden_act", "mlp_hidden_act",
          "mamba_conv_bias", "use_conv_bias",
          "mamba_d_conv", "conv_kernel",
          "mamba_d_head", "mamba_head_dim",
          "mamba_d_state", "ssm_state_size",
          "mamba_expand", "expand",
          "mamba_n_groups", "n_groups",
          "mamba_n_heads", "mamba_num_heads",
          "rms_norm_eps", "layer_norm_epsilon");

  /** Which models without experts may have all the same. */
  private static final List<String> OF_EXPERTS =
      List.of(
          SigmoidExperts.COUNT,
          SigmoidExperts.SHARED,
          "moe_intermediate_size",
          "moe_latent_size",
          "moe_shared_expert_intermediate_size",
          "n_group",
          "norm_topk_prob",
          "num_experts_per_tok",
          "routed_scaling_factor",
          "topk_group");

  /** What a layer is. */
  private enum Kind {
    STATE_SPACE('M', Set.of("mamba", "linear_attention")),
    ATTENTION('*', Set.of("attention", "full_attention")),
    FEED_FORWARD('-', Set.of("mlp")),
    EXPERTS('E', Set.of("moe"));

    private final char sign;
    private final Set<String> names;

    Kind(char sign, Set<String> names) {
      this.sign = sign;
      this.names = names;
    }

    static Optional<Kind> signed(int sign) {
      return Arrays.stream(values()).filter(kind -> kind.sign == sign).findFirst();
    }

    static Optional<Kind> named(String name) {
      return Arrays.stream(values()).filter(kind -> kind.names.contains(name)).findFirst();
    }

    LayerPart part() {
      return switch (this) {
        case STATE_SPACE, ATTENTION -> LayerPart.MIXER;
        case FEED_FORWARD, EXPERTS -> LayerPart.FEED_FORWARD;
      };
    }
  }

  /** For the service loader. */
  public NemotronH() {
    super("nemotron_h", Set.of("NemotronHForCausalLM"), Set.of("nemotron_h"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.rename(FIELDS);
    OF_NO_USE.forEach(config::ignore);
    refuseOthers(config);
    List<Kind> kinds = kinds(config);
    boolean attentionBias = config.flag("attention_bias", false);
    DecoderTraits.Builder traits =
        DecoderTraits.with(LayerWindows.ofSome())
            .biases(attentionBias, attentionBias, config.flag(MLP_BIAS, false))
            .activation(UngatedFunction.RELU_SQUARED)
            .names(PartNames.USUAL.with(MapNames.ungated("mlp.up_proj", "mlp.down_proj")))
            .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
            .rotaryLayers(RotaryLayers.none())
            .states(states(config, kinds))
            .parts(kinds.stream().map(Kind::part).toList());
    if (!kinds.contains(Kind.EXPERTS)) {
      OF_EXPERTS.forEach(config::ignore);
      return traits.build();
    }
    ExpertTraits experts = experts(config).only(layer -> kinds.get(layer) == Kind.EXPERTS);
    boolean dense = kinds.contains(Kind.FEED_FORWARD);
    int width = dense ? config.width("intermediate_size") : experts.inner();
    return traits.experts(experts).width(width).build();
  }

  private static void refuseOthers(ModelConfig config) {
    config.choice("mamba_hidden_act", Set.of("silu", "swish"));
    config.allowOnly(false, "use_bias", "mamba_proj_bias");
  }

  private static StateLayers states(ModelConfig config, List<Kind> kinds) {
    return new StateLayers(
        kinds.stream().map(Kind.STATE_SPACE::equals).toList(),
        StateSpaceTraits.read(config, config.count("hidden_size"), config.count("mamba_n_groups")));
  }

  /** A list, or a sign for each layer; where both are there, they must agree. */
  private static List<Kind> kinds(ModelConfig config) {
    Optional<List<Optional<Kind>>> named =
        config.texts(KINDS).map(names -> names.stream().map(Kind::named).toList());
    Optional<List<Optional<Kind>>> signed =
        config.text(PATTERN).map(signs -> signs.chars().mapToObj(Kind::signed).toList());
    if (named.isPresent() && signed.isPresent() && !named.equals(signed)) {
      throw config.refuse(PATTERN, "what " + KINDS + " says, or one of both alone");
    }
    String field = signed.isPresent() ? PATTERN : KINDS;
    List<Optional<Kind>> kinds = signed.or(() -> named).orElse(List.of());
    int layers = config.count("num_hidden_layers", kinds.size());
    if (kinds.size() != layers
        || kinds.contains(Optional.<Kind>empty())
        || !kinds.contains(Optional.of(Kind.ATTENTION))) {
      throw config.refuse(
          field,
          "%s for each of the %d layers, at least one of them %s"
              .formatted(known(field), layers, known(field, Kind.ATTENTION)));
    }
    return kinds.stream().map(Optional::orElseThrow).toList();
  }

  private static String known(String field) {
    return Arrays.stream(Kind.values())
        .map(kind -> known(field, kind))
        .collect(Collectors.joining(", "));
  }

  private static String known(String field, Kind kind) {
    return field.equals(PATTERN)
        ? String.valueOf(kind.sign)
        : kind.names.stream().sorted().collect(Collectors.joining(" or "));
  }

  private static ExpertTraits experts(ModelConfig config) {
    if (config.flag(MLP_BIAS, false)) {
      throw config.refuse(MLP_BIAS, "false where layers have experts");
    }
    if (config.count(SigmoidExperts.SHARED, 1) != 1) {
      throw config.refuse(SigmoidExperts.SHARED, "1 or missing");
    }
    MapNames maps = MapNames.ungated("mlp.shared_experts.up_proj", "mlp.shared_experts.down_proj");
    int width = config.width("moe_shared_expert_intermediate_size");
    return SigmoidExperts.routed(config)
        .with(new ExpertTraits.Shared(width, maps, Optional.empty()));
  }
}

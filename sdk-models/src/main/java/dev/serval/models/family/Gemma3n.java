package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.OperandChecks;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.AltUpTraits;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.GateSparsity;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerHeads;
import dev.serval.models.decoder.traits.LayerInputs;
import dev.serval.models.decoder.traits.LayerStream;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.Multipliers.Branches;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/**
 * Gemma 3n for texts: several streams go from layer to layer, of which layers work on one and
 * predict and correct all; a map of low rank is beside attention; layers have inputs of their own
 * of each token, the first of them sparse gates; values are normalised, and the last layers attend
 * to keys and values of others.
 */
public final class Gemma3n extends DecoderFamily {
  private static final int PERIOD = 5;
  private static final String STREAMS = "altup_num_inputs";
  private static final String ACTIVE = "altup_active_idx";
  private static final String WIDTH = "intermediate_size";

  /** Left over from training, or without effect where heads are normalised. */
  private static final List<String> UNUSED =
      List.of("altup_lr_multiplier", "query_pre_attn_scalar");

  /** For the service loader. */
  public Gemma3n() {
    super("gemma3n", Set.of("Gemma3nForCausalLM"), Set.of("gemma3n_text"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    UNUSED.forEach(config::ignore);
    LayerWindows windows = LayerWindows.butEvery(PERIOD, config);
    double theta = Gemma.windowTheta(config);
    boolean bias = config.flag("attention_bias", false);
    DecoderTraits.Builder traits =
        DecoderTraits.with(windows)
            .biases(bias, bias, false)
            .activation(GateFunction.GELU_TANH)
            .sparsity(GateSparsity.read(config))
            .headNorms(HeadNorms.EACH)
            .branchNorms(BranchNorms.BOTH)
            .multipliers(multipliers())
            .softcaps(Gemma.softcaps(config))
            .heads(new LayerHeads(Optional.empty(), true, LayerHeads.sharing(config, windows)))
            .stream(stream(config))
            .windowed(rotary -> rotary.unscaled(theta))
            .tied();
    return config.isList(WIDTH) ? traits.widths(widths(config)).build() : traits.build();
  }

  /** What attention adds is divided as all is that it is added to. */
  private static Multipliers multipliers() {
    return new Multipliers(
        1, new Branches(1, 1 / AltUpTraits.DIVISOR, 1, 1, 1), Optional.of(1.0), 1);
  }

  private static IntUnaryOperator widths(ModelConfig config) {
    int layers = config.count("num_hidden_layers");
    List<Integer> widths = config.wholes(WIDTH).orElseThrow();
    boolean fit = widths.stream().allMatch(width -> 0 < width && width <= Integer.MAX_VALUE / 2);
    if (widths.size() != layers || !fit) {
      throw config.refuse(WIDTH, "a number, or one for each of the " + layers + " layers");
    }
    return widths::get;
  }

  private static LayerStream stream(ModelConfig config) {
    return new LayerStream(
        Math.sqrt(config.count("hidden_size")),
        LayerInputs.read(config),
        false,
        Optional.of(altUp(config)));
  }

  private static AltUpTraits altUp(ModelConfig config) {
    int streams = config.atLeast(STREAMS, 2, 4);
    if (streams > OperandChecks.MOST_MIXED) {
      throw config.refuse(STREAMS, "a number from 2 to " + OperandChecks.MOST_MIXED);
    }
    int active = config.atLeast(ACTIVE, 0, 0);
    if (active >= streams) {
      throw config.refuse(ACTIVE, "a number below " + STREAMS + ", " + streams);
    }
    return new AltUpTraits(
        streams,
        active,
        config.optionalPositive("altup_coef_clip"),
        config.flag("altup_correct_scale", true),
        config.count("laurel_rank", 64),
        config.stores("model.altup_projections.weight"));
  }
}

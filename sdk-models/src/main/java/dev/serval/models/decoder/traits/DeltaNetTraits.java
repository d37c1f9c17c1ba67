package dev.serval.models.decoder.traits;

import dev.serval.api.compute.DeltaNetShape;
import dev.serval.models.decoder.config.ModelConfig;

/**
 * Gated delta networks, and how a checkpoint has them.
 *
 * @param shape their sizes
 * @param inputs how a checkpoint has what they begin with
 * @param tiled whether value heads lie so that the first of each key head comes before the second
 *     of any
 * @param logarithms whether decays are stored as their logarithms, and not negated
 */
public record DeltaNetTraits(DeltaNetShape shape, Inputs inputs, boolean tiled, boolean logarithms)
    implements StateTraits {
  private static final String VALUE_HEADS = "linear_num_value_heads";
  private static final String VALUE_DIM = "linear_value_head_dim";
  private static final String INTERVAL = "full_attention_interval";
  private static final int USUAL_INTERVAL = 4;

  /** How a checkpoint has the maps that such a layer begins with. */
  public enum Inputs {
    /** One for queries, keys and values, and one each for output gates, strengths and decays. */
    APART,
    /** The same but for strengths and decays, which are one map, key head by key head. */
    SORTED,
    /** All but these are one map as well, key head by key head. */
    TOGETHER
  }

  /**
   * Reads them and which layers are such.
   *
   * @param inputs how a checkpoint has what they begin with
   */
  public static StateLayers read(ModelConfig config, Inputs inputs) {
    int interval = config.count(INTERVAL, USUAL_INTERVAL);
    return StateLayers.read(
        config,
        "linear_attention",
        LayerWindows.FULL,
        layer -> (layer + 1) % interval != 0,
        new DeltaNetTraits(
            shape(config),
            inputs,
            config.flag("linear_value_heads_tiled", false),
            config.flag(StateSpaceTraits.LOGARITHMS, true)));
  }

  private static DeltaNetShape shape(ModelConfig config) {
    int keyHeads = config.count("linear_num_key_heads");
    int valueHeads = config.count(VALUE_HEADS);
    if (valueHeads % keyHeads != 0) {
      throw config.refuse(VALUE_HEADS, "a multiple of linear_num_key_heads, " + keyHeads);
    }
    int keyDim = config.count("linear_key_head_dim");
    int valueDim = config.count(VALUE_DIM);
    int taps = config.count("linear_conv_kernel_dim");
    double state =
        valueHeads * (double) keyDim * valueDim
            + (taps - 1.0) * (2.0 * keyHeads * keyDim + (double) valueHeads * valueDim);
    if (state * Float.BYTES > Integer.MAX_VALUE) {
      throw config.refuse(VALUE_DIM, "a size that makes states of at most 2 GiB");
    }
    return new DeltaNetShape(keyHeads, valueHeads, keyDim, valueDim, taps);
  }

  @Override
  public long stateBytes() {
    return shape.stateBytes();
  }

  @Override
  public int inputColumns() {
    return shape.inputColumns();
  }

  @Override
  public int betweenColumns() {
    return shape.channels();
  }

  @Override
  public String output() {
    return "linear_attn.out_proj";
  }

  @Override
  public int outputColumns() {
    return shape.valueColumns();
  }
}

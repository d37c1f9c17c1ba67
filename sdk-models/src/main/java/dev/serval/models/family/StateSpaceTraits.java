package dev.serval.models.family;

import dev.serval.api.compute.StateSpaceShape;

/**
 * State spaces, and how a checkpoint has them.
 *
 * @param shape their sizes
 * @param convolutionBias whether the convolution has a bias
 * @param logarithms whether decays are stored as their logarithms, and not negated
 * @param normGroups into how many parts the norm cuts a row
 */
record StateSpaceTraits(
    StateSpaceShape shape, boolean convolutionBias, boolean logarithms, int normGroups)
    implements StateTraits {
  static final String LOGARITHMS = "linear_decay_logarithms";
  private static final String HEADS = "mamba_n_heads";
  private static final String HEAD_DIM = "mamba_d_head";

  /**
   * Reads them and which layers are such.
   *
   * @param hidden the width between layers
   */
  static StateLayers read(ModelConfig config, int hidden) {
    return StateLayers.read(config, "mamba", "attention", layer -> true, read(config, hidden, 1));
  }

  /** Reads them alone. */
  static StateSpaceTraits read(ModelConfig config, int hidden, int normGroups) {
    return new StateSpaceTraits(
        shape(config, hidden),
        config.flag("mamba_conv_bias", true),
        config.flag(LOGARITHMS, true),
        normGroups);
  }

  private static StateSpaceShape shape(ModelConfig config, int hidden) {
    int heads = config.count(HEADS);
    int groups = config.count("mamba_n_groups", 1);
    if (heads % groups != 0) {
      throw config.refuse(HEADS, "a multiple of mamba_n_groups, " + groups);
    }
    long inner = (long) config.count("mamba_expand", 2) * hidden;
    int headDim = headDim(config, inner, heads);
    int stateDim = config.count("mamba_d_state");
    int taps = config.count("mamba_d_conv");
    double state =
        (double) heads * headDim * stateDim
            + (taps - 1.0) * ((double) heads * headDim + 2.0 * groups * stateDim);
    if (state * Float.BYTES > Integer.MAX_VALUE) {
      throw config.refuse("mamba_d_state", "a size that makes states of at most 2 GiB");
    }
    return new StateSpaceShape(heads, headDim, groups, stateDim, taps);
  }

  /** It may be said, or {@code "auto"}. */
  private static int headDim(ModelConfig config, long inner, int heads) {
    if (config.isText(HEAD_DIM) || !config.has(HEAD_DIM)) {
      config.ignore(HEAD_DIM);
      if (inner % heads != 0) {
        throw config.refuse(HEADS, "a divisor of mamba_expand times hidden_size, " + inner);
      }
      return Math.toIntExact(inner / heads);
    }
    return config.count(HEAD_DIM);
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
    return "mamba.out_proj";
  }

  @Override
  public int outputColumns() {
    return shape.inner();
  }

  @Override
  public MixerTensors tensors(int hidden, String layer) {
    return MixerTensors.stateSpace(this, hidden, layer);
  }
}

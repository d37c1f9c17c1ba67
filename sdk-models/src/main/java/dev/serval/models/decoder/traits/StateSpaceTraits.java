package dev.serval.models.decoder.traits;

import dev.serval.api.compute.StateSpaceShape;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;

/**
 * State spaces, and how a checkpoint has them.
 *
 * @param shape their sizes
 * @param convolutionBias whether the convolution has a bias
 * @param logarithms whether decays are stored as their logarithms, and not negated
 * @param normed whether what they give is normalised
 * @param normGroups into how many parts the norm cuts a row
 * @param factors by what parts of what they begin with are multiplied
 */
public record StateSpaceTraits(
    StateSpaceShape shape,
    boolean convolutionBias,
    boolean logarithms,
    boolean normed,
    int normGroups,
    Factors factors)
    implements StateTraits {
  static final String LOGARITHMS = "linear_decay_logarithms";
  private static final String HEADS = "mamba_n_heads";
  private static final String HEAD_DIM = "mamba_d_head";
  private static final String STEPS = "time_step_limit";

  /** No step in time is as long. */
  private static final double NO_LIMIT = 1e20;

  /**
   * By what parts of what a state space begins with are multiplied, beside its gates.
   *
   * @param values that of values
   * @param keys that of keys
   * @param queries that of queries
   * @param steps that of time steps, without their bias
   */
  public record Factors(double values, double keys, double queries, double steps) {
    public static final Factors NONE = new Factors(1, 1, 1, 1);

    /** That of a channel of the convolution, which takes in all but time steps. */
    public double ofChannel(long channel, StateSpaceShape shape) {
      if (channel < shape.inner()) {
        return values;
      }
      return channel < shape.inner() + (long) shape.groups() * shape.stateDim() ? keys : queries;
    }
  }

  /**
   * Reads them and which layers are such.
   *
   * @param hidden the width between layers
   */
  public static StateLayers read(ModelConfig config, int hidden) {
    return StateLayers.read(config, "mamba", "attention", layer -> true, read(config, hidden, 1));
  }

  /** Reads them alone. */
  public static StateSpaceTraits read(ModelConfig config, int hidden, int normGroups) {
    refuseLimits(config);
    return new StateSpaceTraits(
        shape(config, hidden),
        config.flag("mamba_conv_bias", true),
        config.flag(LOGARITHMS, true),
        true,
        normGroups,
        Factors.NONE);
  }

  private static void refuseLimits(ModelConfig config) {
    List<Double> steps = config.numbers(STEPS).orElse(List.of(0.0, Double.POSITIVE_INFINITY));
    if (steps.size() != 2 || steps.getFirst() != 0 || steps.getLast() < NO_LIMIT) {
      throw config.refuse(
          STEPS, "0 and at least " + NO_LIMIT + ", which limit nothing, or missing");
    }
  }

  /** With parts multiplied, and a norm or none. */
  public StateSpaceTraits with(Factors some, boolean norm) {
    return new StateSpaceTraits(shape, convolutionBias, logarithms, norm, normGroups, some);
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
}

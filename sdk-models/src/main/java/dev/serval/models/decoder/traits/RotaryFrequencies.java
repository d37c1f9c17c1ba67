package dev.serval.models.decoder.traits;

import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How fast each pair of a head turns: {@code theta^(−2i/dimensions)}, scaled for long contexts as
 * the configuration says. That may be spelt {@code rope_theta}, {@code partial_rotary_factor} and
 * {@code rope_scaling}, or all in one {@code rope_parameters}, which may have a part for each kind
 * of layer.
 *
 * @param theta the base
 * @param dimensions how many elements of a head are turned, its first; an even number
 * @param scaling how frequencies are scaled
 * @param interleaved whether neighbours are turned together, and not the two halves
 */
public record RotaryFrequencies(
    double theta, int dimensions, RotaryScaling scaling, boolean interleaved) {
  private static final String THETA = "rope_theta";
  static final String SHARE = "partial_rotary_factor";
  static final String SCALING = "rope_scaling";
  static final String PARAMETERS = "rope_parameters";
  private static final double DEFAULT_THETA = 10_000;

  /** Keeps a share that was divided out, as 20 of 96, from being rounded down. */
  private static final double ROUNDING = 1e-6;

  /**
   * What of a head is turned.
   *
   * @param share how much of it
   * @param neighbours whether neighbours are turned together, and not the two halves of that
   * @param byAlpha whether scaling that is called dynamic is {@link RotaryScaling.Ntk}, and not
   *     refused
   */
  public record Turning(double share, boolean neighbours, boolean byAlpha) {
    public static final Turning HALVES_BY_ALPHA = new Turning(1, false, true);
    public static final Turning HALVES = new Turning(1, false);
    public static final Turning HALF = new Turning(0.5, false);
    public static final Turning QUARTER = new Turning(0.25, false);
    public static final Turning NEIGHBOURS = new Turning(1, true);
    public static final Turning NEIGHBOURS_OF_HALF = new Turning(0.5, true);

    /** Of which no scaling is by an alpha. */
    public Turning(double share, boolean neighbours) {
      this(share, neighbours, false);
    }
  }

  /**
   * Reads either spelling for heads of this size; where both are there, they must agree.
   *
   * @param usual what is turned unless that is said
   */
  static RotaryFrequencies read(ModelConfig config, int headDim, Turning usual) {
    Optional<ModelConfig> parameters =
        config.part(PARAMETERS).map(all -> all.part(LayerWindows.FULL).orElse(all));
    double theta = number(THETA, config, parameters).orElse(DEFAULT_THETA);
    Optional<Double> share = number(SHARE, config, parameters);
    config.ignore(RotaryScaling.ORIGINAL_CONTEXT);
    Optional<RotaryScaling> outer =
        config.part(SCALING).map(part -> RotaryScaling.read(part, config, usual.byAlpha));
    Optional<RotaryScaling> inner =
        parameters.map(part -> RotaryScaling.read(part, config, usual.byAlpha));
    if (outer.isPresent() && inner.isPresent() && !outer.equals(inner)) {
      throw config.refuse(SCALING, "what rope_parameters says, or one of both alone");
    }
    RotaryScaling scaling = inner.or(() -> outer).orElse(new RotaryScaling.Unscaled());
    int dimensions =
        scaling instanceof RotaryScaling.Proportional
            ? headDim
            : dimensions(config, share.orElse(usual.share), headDim);
    if (scaling.pairs().orElse(dimensions / 2) != dimensions / 2) {
      throw config.refuse(
          SCALING, "as many divisors as a head has pairs that are turned, " + dimensions / 2);
    }
    return new RotaryFrequencies(
        theta, dimensions, scaling, config.flag("rope_interleaved", usual.neighbours));
  }

  /** The base in layers that have a window, if they have one of their own; it is never scaled. */
  public static Optional<Double> windowTheta(ModelConfig config) {
    Optional<ModelConfig> part =
        config.part(PARAMETERS).flatMap(all -> all.part(LayerWindows.SLIDING));
    Optional<Double> theta = part.flatMap(fields -> fields.optionalPositive(THETA));
    part.ifPresent(fields -> {
      if (!(RotaryScaling.read(fields, config) instanceof RotaryScaling.Unscaled)) {
        throw fields.refuse(RotaryScaling.TYPE, "default alone");
      }
    });
    return theta;
  }

  private static int dimensions(ModelConfig config, double share, int headDim) {
    int dimensions = (int) (headDim * share + ROUNDING);
    if (share > 1 || dimensions == 0 || dimensions % 2 != 0) {
      throw config.refuse(
          SHARE,
          String.valueOf(share),
          "a share up to 1 that makes an even number of a head's " + headDim);
    }
    return dimensions;
  }

  private static Optional<Double> number(
      String field, ModelConfig config, Optional<ModelConfig> parameters) {
    Optional<Double> outer = config.optionalPositive(field);
    Optional<Double> inner = parameters.flatMap(part -> part.optionalPositive(field));
    if (outer.isPresent() && inner.isPresent() && !outer.equals(inner)) {
      throw config.refuse(field, "that of rope_parameters, " + inner.get());
    }
    return outer.or(() -> inner);
  }

  /** Where positions turn nothing. */
  static RotaryFrequencies none() {
    return new RotaryFrequencies(DEFAULT_THETA, 0, new RotaryScaling.Unscaled(), false);
  }

  /** The same of another base, without scaling. */
  public RotaryFrequencies unscaled(double otherTheta) {
    return unscaled(otherTheta, dimensions);
  }

  /** Likewise, of heads of which so many elements are turned. */
  public RotaryFrequencies unscaled(double otherTheta, int turned) {
    return new RotaryFrequencies(otherTheta, turned, new RotaryScaling.Unscaled(), interleaved);
  }

  /** The embedding. */
  RotaryEmbedding embedding() {
    double[] frequencies =
        IntStream.range(0, dimensions / 2)
            .mapToDouble(pair -> scaling.frequency(new RotaryScaling.Pair(pair, dimensions, theta)))
            .toArray();
    RotaryEmbedding embedding =
        interleaved ? RotaryEmbedding.interleaved(frequencies) : RotaryEmbedding.of(frequencies);
    return scaling.sized(embedding);
  }
}

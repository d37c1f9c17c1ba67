package dev.serval.models.decoder.traits;

import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;

/**
 * Which share of the gates of each feed-forward layer is left out: {@code
 * activation_sparsity_pattern}, or in GGUF files {@code activation_sparsity_scale}, how many
 * standard deviations above the mean the least of the others is if gates are distributed normally.
 */
public final class GateSparsity {
  /** No gate is left out in any layer. */
  static final IntToDoubleFunction NONE = layer -> Double.NEGATIVE_INFINITY;

  private static final String SHARES = "activation_sparsity_pattern";
  private static final String DEVIATIONS = "activation_sparsity_scale";
  private static final int USUAL_LAYERS = 10;
  private static final double USUAL = 0.95;

  /** Φ beyond is 0 or 1. */
  private static final double FARTHEST = 9;

  private GateSparsity() {}

  /** Those deviations of each layer, without end below where no gate is left out. */
  public static IntToDoubleFunction read(ModelConfig config) {
    Optional<List<Double>> deviations = config.numbers(DEVIATIONS);
    if (deviations.isPresent()) {
      return checked(config, DEVIATIONS, deviations.get(), Double.POSITIVE_INFINITY)::get;
    }
    return config
        .numbers(SHARES)
        .map(shares -> checked(config, SHARES, shares, 1))
        .<IntToDoubleFunction>map(
            shares -> shares.stream().map(GateSparsity::deviations).toList()::get)
        .orElseGet(() -> usual(config.count("num_hidden_layers")));
  }

  private static IntToDoubleFunction usual(int layers) {
    double deviations = deviations(USUAL);
    return layers > USUAL_LAYERS
        ? layer -> layer < USUAL_LAYERS ? deviations : NONE.applyAsDouble(layer)
        : NONE;
  }

  private static double deviations(double share) {
    return share > 0 ? quantile(share) : Double.NEGATIVE_INFINITY;
  }

  private static List<Double> checked(
      ModelConfig config, String field, List<Double> values, double end) {
    int layers = config.count("num_hidden_layers");
    if (values.size() != layers) {
      throw config.refuse(
          field, "a list of " + values.size(), "one number for each of the " + layers + " layers");
    }
    for (double value : values) {
      if (value >= end || (end == 1 && value < 0)) {
        throw config.refuse(
            field,
            "a list with " + value,
            end == 1 ? "shares from 0 to less than 1" : "numbers of standard deviations");
      }
    }
    return values;
  }

  /** The x for which Φ(x) is a share, by halving. */
  private static double quantile(double share) {
    double below = -FARTHEST;
    double above = FARTHEST;
    for (double middle = 0; below < middle && middle < above; middle = (below + above) / 2) {
      if (normal(middle) < share) {
        below = middle;
      } else {
        above = middle;
      }
    }
    return above;
  }

  /** The normal distribution, by its series around 0 (Marsaglia, 2004). */
  private static double normal(double x) {
    double term = x;
    double sum = 0;
    for (int i = 1; sum + term != sum; i += 2) {
      sum += term;
      term *= x * x / (i + 2);
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }
}

package dev.serval.models.family;

import dev.serval.api.compute.RotaryEmbedding;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How fast each pair of a head turns: {@code theta^(−2i/headDim)}, scaled for long contexts as the
 * configuration says. That may be spelt {@code rope_theta} and {@code rope_scaling}, or all in one
 * {@code rope_parameters}.
 *
 * @param theta the base
 * @param scaling how frequencies are scaled
 * @param interleaved whether neighbours are turned together, and not the two halves of a head
 */
record RotaryFrequencies(double theta, Scaling scaling, boolean interleaved) {
  private static final double DEFAULT_THETA = 10_000;
  private static final String TYPE = "rope_type";
  private static final String OLD_TYPE = "type";

  /** A rule for scaling; each reads the fields it needs. */
  private enum Rule {
    DEFAULT {
      @Override
      Scaling read(ModelConfig config) {
        return new Unscaled();
      }
    },
    LINEAR {
      @Override
      Scaling read(ModelConfig config) {
        return new Linear(factor(config));
      }
    },
    DIVISORS {
      @Override
      Scaling read(ModelConfig config) {
        return new Divisors(config.positives("divisors"));
      }
    },
    LLAMA3 {
      @Override
      Scaling read(ModelConfig config) {
        double low = config.positive("low_freq_factor");
        double high = config.positive("high_freq_factor");
        if (high <= low) {
          throw config.refuse("high_freq_factor", "a number above low_freq_factor, " + low);
        }
        int context = config.count("original_max_position_embeddings");
        return new Llama3(factor(config), low, high, context);
      }
    };

    static final Set<String> WORDS =
        Arrays.stream(values())
            .map(rule -> rule.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.toUnmodifiableSet());

    abstract Scaling read(ModelConfig config);
  }

  /** What becomes of a frequency. */
  sealed interface Scaling {
    double apply(double frequency, int pair);
  }

  /** Frequencies as they are. */
  record Unscaled() implements Scaling {
    @Override
    public double apply(double frequency, int pair) {
      return frequency;
    }
  }

  /** All positions are squeezed alike (Chen et al., https://arxiv.org/abs/2306.15595). */
  record Linear(double factor) implements Scaling {
    @Override
    public double apply(double frequency, int pair) {
      return frequency / factor;
    }
  }

  /** Each pair has a divisor of its own, as files say that carry scaling worked out. */
  record Divisors(List<Double> divisors) implements Scaling {
    @Override
    public double apply(double frequency, int pair) {
      return frequency / divisors.get(pair);
    }
  }

  /**
   * Llama 3.1's: slow pairs, which turn less than {@code low} times over the original context, are
   * slowed down by the factor; fast ones, above {@code high} times, are left; between, it is
   * interpolated (Grattafiori et al., https://arxiv.org/abs/2407.21783, and the model's reference
   * code).
   */
  record Llama3(double factor, double low, double high, int context) implements Scaling {
    @Override
    public double apply(double frequency, int pair) {
      double turns = context * frequency / (2 * Math.PI);
      if (turns < low) {
        return frequency / factor;
      }
      if (turns > high) {
        return frequency;
      }
      double fast = (turns - low) / (high - low);
      return (1 - fast) * frequency / factor + fast * frequency;
    }
  }

  /** Reads either spelling; where both are there, they must agree. */
  static RotaryFrequencies read(ModelConfig config) {
    Optional<ModelConfig> parameters = config.part("rope_parameters");
    Optional<ModelConfig> scaling = config.part("rope_scaling");
    Optional<Double> theta = config.optionalPositive("rope_theta");
    Optional<Double> innerTheta = parameters.flatMap(part -> part.optionalPositive("rope_theta"));
    if (theta.isPresent() && innerTheta.isPresent() && !theta.equals(innerTheta)) {
      throw config.refuse("rope_theta", "that of rope_parameters, " + innerTheta.get());
    }
    Optional<Scaling> outer = scaling.map(RotaryFrequencies::scaling);
    Optional<Scaling> inner = parameters.map(RotaryFrequencies::scaling);
    if (outer.isPresent() && inner.isPresent() && !outer.equals(inner)) {
      throw config.refuse("rope_scaling", "what rope_parameters says, or one of both alone");
    }
    return new RotaryFrequencies(
        theta.or(() -> innerTheta).orElse(DEFAULT_THETA),
        inner.or(() -> outer).orElse(new Unscaled()),
        config.flag("rope_interleaved", false));
  }

  private static Scaling scaling(ModelConfig config) {
    Optional<String> type = config.choice(TYPE, Rule.WORDS);
    Optional<String> oldType = config.choice(OLD_TYPE, Rule.WORDS);
    if (type.isPresent() && oldType.isPresent() && !type.equals(oldType)) {
      throw config.refuse(OLD_TYPE, "that of rope_type, " + type.get());
    }
    config.ignore("original_max_position_embeddings");
    Scaling scaling = rule(type.or(() -> oldType), config).read(config);
    config.refuseUnread("rotary scaling of this type");
    return scaling;
  }

  private static Rule rule(Optional<String> type, ModelConfig config) {
    if (type.isEmpty() && config.has("factor")) {
      throw config.refuse(
          TYPE, "one of default, linear, llama3, divisors, since there is a factor");
    }
    return type.map(word -> Rule.valueOf(word.toUpperCase(Locale.ROOT))).orElse(Rule.DEFAULT);
  }

  private static double factor(ModelConfig config) {
    double factor = config.positive("factor");
    if (factor < 1) {
      throw config.refuse("factor", "a number of at least 1");
    }
    return factor;
  }

  /** Refuses what does not fit heads of this size. */
  RotaryFrequencies requireFit(ModelConfig config, int headDim) {
    if (scaling instanceof Divisors all && all.divisors().size() != headDim / 2) {
      throw config.refuse("rope_scaling", "as many divisors as a head has pairs, " + headDim / 2);
    }
    return this;
  }

  /** The embedding of heads of this size. */
  RotaryEmbedding embedding(int headDim) {
    double[] frequencies =
        IntStream.range(0, headDim / 2)
            .mapToDouble(pair -> scaling.apply(Math.pow(theta, -2.0 * pair / headDim), pair))
            .toArray();
    return interleaved ? RotaryEmbedding.interleaved(frequencies) : RotaryEmbedding.of(frequencies);
  }
}

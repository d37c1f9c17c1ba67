package dev.serval.models.decoder.traits;

import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;

/** How a model's positions are fitted into a longer context than it was first trained for. */
public sealed interface RotaryScaling {
  /** The spelling of the field that says which there is. */
  String TYPE = "rope_type";

  /** Its older spelling. */
  String OLD_TYPE = "type";

  /** How much queries grow for each original context, if they do. */
  String GROWTH = "llama_4_scaling_beta";

  /** How much queries and keys of a longer context grow in all of their dimensions. */
  String OF_ALL = "mscale_all_dim";

  /** Texts have the same position in each of several kinds. */
  List<String> KINDS_OF_POSITIONS = List.of("mrope_section", "mrope_interleaved");

  /** How many positions a model was trained for before they were scaled. */
  String ORIGINAL_CONTEXT = "original_max_position_embeddings";

  /**
   * One pair of those that are turned.
   *
   * @param index which, from 0
   * @param dimensions how many elements of a head are turned
   * @param theta the base
   */
  record Pair(int index, int dimensions, double theta) {
    /** How fast it turns unscaled: {@code theta^(−2 index / dimensions)}. */
    double frequency() {
      return Math.pow(theta, -2.0 * index / dimensions);
    }

    /** The index, in between as well, of a pair that turns so often over so many positions. */
    double indexOf(double turns, int positions) {
      return dimensions * Math.log(positions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
  }

  /** How fast a pair turns. */
  double frequency(Pair pair);

  /** What turned queries and keys are each multiplied by. */
  default double attentionFactor() {
    return 1;
  }

  /** The embedding with what is turned multiplied. */
  default RotaryEmbedding sized(RotaryEmbedding embedding) {
    return embedding.withMagnitude(attentionFactor());
  }

  /** How many positions there are, if the model says it has so many. */
  default int contextLength(int stated) {
    return stated;
  }

  /** How many pairs it is for, if not for any number. */
  default OptionalInt pairs() {
    return OptionalInt.empty();
  }

  /** Frequencies as they are. */
  record Unscaled() implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      return pair.frequency();
    }
  }

  /** All positions are squeezed alike (Chen et al., https://arxiv.org/abs/2306.15595). */
  record Linear(double factor) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      return pair.frequency() / factor;
    }
  }

  /**
   * Another base, so that slow pairs turn slower and fast ones hardly do (NTK-aware scaling, as
   * Hunyuan has it): {@code theta · alpha^(d / (d − 2))}, where d elements are turned.
   */
  record Ntk(double alpha) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      double dimensions = pair.dimensions();
      double base = pair.theta() * Math.pow(alpha, dimensions / (dimensions - 2));
      return new Pair(pair.index(), pair.dimensions(), base).frequency();
    }
  }

  /** Those of the first pairs as they are; the others do not turn. */
  record Proportional(double share) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      return pair.index() < (int) (pair.dimensions() * share / 2) ? pair.frequency() : 0;
    }
  }

  /**
   * Each pair has a divisor of its own: as files say that carry scaling worked out, or LongRoPE's
   * (Ding et al., https://arxiv.org/abs/2402.13753), which were searched for.
   */
  record Divisors(List<Double> divisors, double attentionFactor) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      return pair.frequency() / divisors.get(pair.index());
    }

    @Override
    public OptionalInt pairs() {
      return OptionalInt.of(divisors.size());
    }
  }

  /**
   * Llama 3.1's: slow pairs, which turn less than {@code low} times over the original context, are
   * slowed down by the factor; fast ones, from {@code high} times on, are left; between, it is
   * interpolated (Grattafiori et al., https://arxiv.org/abs/2407.21783, and the model's reference
   * code).
   */
  record Llama3(double factor, double low, double high, int context) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      double frequency = pair.frequency();
      double turns = context * frequency / (2 * Math.PI);
      if (turns < low) {
        return frequency / factor;
      }
      if (turns >= high) {
        return frequency;
      }
      double fast = (turns - low) / (high - low);
      return (1 - fast) * frequency / factor + fast * frequency;
    }
  }

  /**
   * YaRN (Peng et al., https://arxiv.org/abs/2309.00071): pairs that turn {@code fast} times or
   * more over the original context are left, those that turn {@code slow} times or less are slowed
   * down by the factor, and from one to the other it goes by their index.
   *
   * @param whole whether both ends are moved apart to the next pair
   */
  record Yarn(
      double factor, int context, double fast, double slow, boolean whole, double attentionFactor)
      implements RotaryScaling {
    /**
     * Keeps the way from one end to the other from having no length, as the reference code does.
     */
    private static final double SHORTEST = 0.001;

    @Override
    public double frequency(Pair pair) {
      double begin = pair.indexOf(fast, context);
      double end = pair.indexOf(slow, context);
      double first = Math.max(0, whole ? Math.floor(begin) : begin);
      double last = Math.min(pair.dimensions() - 1, whole ? Math.ceil(end) : end);
      double way = first == last ? SHORTEST : last - first;
      double slowed = Math.clamp((pair.index() - first) / way, 0, 1);
      return (1 - slowed) * pair.frequency() + slowed * pair.frequency() / factor;
    }

    @Override
    public int contextLength(int stated) {
      return (int) Math.min(Integer.MAX_VALUE, Math.max(stated, factor * context));
    }

    /** What becomes of {@code attentionFactor} where a configuration does not say. */
    static double usualFactor(double factor, double scale) {
      return 0.1 * scale * Math.log(factor) + 1;
    }
  }

  /** Scaled in some way, and queries grow with their positions besides, as Ministral 3's do. */
  record Growing(RotaryScaling scaling, double share, int positions) implements RotaryScaling {
    @Override
    public double frequency(Pair pair) {
      return scaling.frequency(pair);
    }

    @Override
    public RotaryEmbedding sized(RotaryEmbedding embedding) {
      return scaling.sized(embedding).withGrowingQueries(share, positions);
    }

    @Override
    public int contextLength(int stated) {
      return scaling.contextLength(stated);
    }

    @Override
    public OptionalInt pairs() {
      return scaling.pairs();
    }
  }

  /** Reads them where scaling is by no alpha. */
  static RotaryScaling read(ModelConfig fields, ModelConfig model) {
    return read(fields, model, false);
  }

  /**
   * Reads the fields that say how positions are scaled.
   *
   * @param fields where they are
   * @param model the whole configuration
   * @param byAlpha whether it may be by an alpha
   */
  static RotaryScaling read(ModelConfig fields, ModelConfig model, boolean byAlpha) {
    Set<String> words = Rule.words(byAlpha);
    Optional<String> type = fields.choice(TYPE, words);
    Optional<String> oldType = fields.choice(OLD_TYPE, words);
    if (type.isPresent() && oldType.isPresent() && !type.equals(oldType)) {
      throw fields.refuse(OLD_TYPE, "that of rope_type, " + type.get());
    }
    fields.ignore(ORIGINAL_CONTEXT);
    fields.ignore("max_position_embeddings");
    KINDS_OF_POSITIONS.forEach(fields::ignore);
    RotaryScaling all = rule(type.or(() -> oldType), fields, words).read(fields, model);
    RotaryScaling scaling =
        fields
            .optionalPositive(GROWTH)
            .<RotaryScaling>map(share -> new Growing(all, share, fields.count(ORIGINAL_CONTEXT)))
            .orElse(all);
    fields.refuseUnread("rotary scaling of this type");
    return scaling;
  }

  private static Rule rule(Optional<String> type, ModelConfig fields, Set<String> words) {
    if (type.isEmpty() && fields.has("factor")) {
      throw fields.refuse(
          TYPE,
          words.stream()
              .sorted()
              .collect(Collectors.joining(", ", "one of ", ", since there is a factor")));
    }
    return type.map(word -> Rule.valueOf(word.toUpperCase(Locale.ROOT))).orElse(Rule.DEFAULT);
  }

  /** A rule for scaling; each reads the fields it needs. */
  enum Rule {
    DEFAULT {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        return new Unscaled();
      }
    },
    LINEAR {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        return new Linear(factor(fields));
      }
    },
    /** Called dynamic, but with an alpha it is the same for texts of any length. */
    DYNAMIC {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        List.of("factor", "beta_fast", "beta_slow", "mscale", OF_ALL).forEach(fields::ignore);
        return new Ntk(fields.positive("alpha"));
      }
    },
    PROPORTIONAL {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        double share = fields.optionalPositive(RotaryFrequencies.SHARE).orElse(1.0);
        if (share > 1) {
          throw fields.refuse(RotaryFrequencies.SHARE, "a share up to 1");
        }
        return new Proportional(share);
      }
    },
    DIVISORS {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        return new Divisors(fields.positives("divisors"), 1);
      }
    },
    LLAMA3 {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        double low = fields.positive("low_freq_factor");
        double high = fields.positive("high_freq_factor");
        if (high < low) {
          throw fields.refuse(
              "high_freq_factor", "a number from low_freq_factor, %s".formatted(low));
        }
        return new Llama3(factor(fields), low, high, fields.count(ORIGINAL_CONTEXT));
      }
    },
    YARN {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        double fast = fields.optionalPositive("beta_fast").orElse(32.0);
        double slow = fields.optionalPositive("beta_slow").orElse(1.0);
        requireAbove(fields, "beta_fast", fast, "beta_slow", slow);
        int context =
            fields
                .optionalCount(ORIGINAL_CONTEXT)
                .orElseGet(() -> model.count("max_position_embeddings"));
        double factor = factor(fields);
        boolean whole = fields.flag("truncate", true);
        return new Yarn(factor, context, fast, slow, whole, attentionFactor(fields, factor));
      }

      private static double attentionFactor(ModelConfig fields, double factor) {
        Optional<Double> given = fields.optionalPositive("attention_factor");
        Optional<Double> scale = fields.optionalPositive("mscale");
        Optional<Double> ofAll = fields.optionalPositive(OF_ALL);
        if (ofAll.isPresent() && scale.isEmpty()) {
          throw fields.refuse(OF_ALL, "none, or both mscale and mscale_all_dim");
        }
        if (ofAll.isEmpty() && scale.orElse(1.0) != 1) {
          throw fields.refuse("mscale", "1 or none, or both mscale and mscale_all_dim");
        }
        double usual =
            Yarn.usualFactor(factor, scale.orElse(1.0))
                / ofAll.map(all -> Yarn.usualFactor(factor, all)).orElse(1.0);
        return given.orElse(usual);
      }
    },
    /** Its longer divisors are for all of a context that is longer than the original. */
    LONGROPE {
      @Override
      RotaryScaling read(ModelConfig fields, ModelConfig model) {
        List<Double> ofLong = fields.positives("long_factor");
        List<Double> ofShort = fields.positives("short_factor");
        int context = model.count("max_position_embeddings");
        int original =
            fields.optionalCount(ORIGINAL_CONTEXT).orElseGet(() -> model.count(ORIGINAL_CONTEXT));
        double factor = fields.optionalPositive("factor").orElse((double) context / original);
        double usual = factor > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(original)) : 1;
        return new Divisors(
            context > original ? ofLong : ofShort,
            fields.optionalPositive("attention_factor").orElse(usual));
      }
    };

    static Set<String> words(boolean byAlpha) {
      return Arrays.stream(values())
          .filter(rule -> byAlpha || rule != DYNAMIC)
          .map(rule -> rule.name().toLowerCase(Locale.ROOT))
          .collect(Collectors.toUnmodifiableSet());
    }

    abstract RotaryScaling read(ModelConfig fields, ModelConfig model);

    private static double factor(ModelConfig fields) {
      double factor = fields.positive("factor");
      if (factor < 1) {
        throw fields.refuse("factor", "a number of at least 1");
      }
      return factor;
    }

    private static void requireAbove(
        ModelConfig fields, String field, double value, String lower, double bound) {
      if (value <= bound) {
        throw fields.refuse(field, "a number above %s, %s".formatted(lower, bound));
      }
    }
  }
}

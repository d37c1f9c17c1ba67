package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntPredicate;

/**
 * How many positions back each layer sees: as {@code layer_types} says where it is given, else by
 * the family's own fields. Where both speak, they must not contradict each other.
 *
 * @param window the size of the sliding window; {@link AttentionSpec#NO_WINDOW} where there is none
 * @param slides which layers have it
 */
public record LayerWindows(int window, IntPredicate slides) {
  static final String TYPES = "layer_types";
  public static final String SLIDING = "sliding_attention";
  public static final String FULL = "full_attention";
  private static final int DEFAULT_MAX_WINDOW_LAYERS = 28;

  /** Every layer that attends sees everything; which ones do is said elsewhere. */
  public static LayerWindows ofSome() {
    return new LayerWindows(AttentionSpec.NO_WINDOW, layer -> false);
  }

  /** Every layer sees everything. */
  public static LayerWindows none(ModelConfig config) {
    return checked(config, AttentionSpec.NO_WINDOW, layer -> false);
  }

  /** Every layer has the window of {@code sliding_window}, if that is given. */
  public static LayerWindows everywhere(ModelConfig config) {
    OptionalInt window = config.optionalCount("sliding_window");
    if (window.isPresent() && !config.flag("use_sliding_window", true)) {
      throw config.refuse("use_sliding_window", "true where there is a sliding_window");
    }
    return checked(config, window.orElse(AttentionSpec.NO_WINDOW), layer -> true);
  }

  /**
   * Layers from {@code max_window_layers} on have a window, if {@code use_sliding_window} is set.
   */
  public static LayerWindows aboveSome(ModelConfig config) {
    boolean used = config.flag("use_sliding_window", false);
    OptionalInt window = config.optionalCount("sliding_window");
    int fullLayers = config.atLeast("max_window_layers", 0, DEFAULT_MAX_WINDOW_LAYERS);
    if (!used) {
      return checked(config, AttentionSpec.NO_WINDOW, layer -> false);
    }
    if (window.isEmpty()) {
      throw config.refuse(
          "sliding_window", "a number of positions, since use_sliding_window is true");
    }
    return checked(config, window.getAsInt(), layer -> layer >= fullLayers);
  }

  /** All but every so many-th layer have the window of {@code sliding_window}. */
  public static LayerWindows butEvery(int period, ModelConfig config) {
    return checked(config, config.count("sliding_window"), layer -> (layer + 1) % period != 0);
  }

  /** The same, or every layer sees everything if there is no {@code sliding_window}. */
  public static LayerWindows butEveryIfAny(int period, ModelConfig config) {
    return config.optionalCount("sliding_window").isPresent()
        ? butEvery(period, config)
        : none(config);
  }

  /** Layers have the window of {@code sliding_window} where {@code layer_types} says so. */
  public static LayerWindows typed(ModelConfig config) {
    int window = config.optionalCount("sliding_window").orElse(AttentionSpec.NO_WINDOW);
    return checked(config, window, layer -> false);
  }

  private static LayerWindows checked(ModelConfig config, int window, IntPredicate usual) {
    Optional<List<String>> types = config.texts(TYPES);
    types.ifPresent(list -> check(list, config, window));
    return new LayerWindows(
        window,
        types.<IntPredicate>map(list -> layer -> list.get(layer).equals(SLIDING)).orElse(usual));
  }

  private static void check(List<String> types, ModelConfig config, int window) {
    int layers = config.count("num_hidden_layers");
    if (types.size() != layers) {
      throw config.refuse(
          TYPES, "a list of " + types.size(), "one type for each of the " + layers + " layers");
    }
    for (String type : types) {
      boolean known =
          type.equals(FULL) || (type.equals(SLIDING) && window != AttentionSpec.NO_WINDOW);
      if (!known) {
        throw config.refuse(
            TYPES,
            "a list with '" + type + "'",
            FULL + ", or " + SLIDING + " where the model has a sliding window");
      }
    }
  }

  /** How many positions back a layer sees. */
  public int of(int layer) {
    return slides.test(layer) ? window : AttentionSpec.NO_WINDOW;
  }
}

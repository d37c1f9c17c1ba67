package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionWindow;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntPredicate;

/**
 * Which positions queries of each layer see: as {@code layer_types} says where it is given, else by
 * the family's own fields. Where both speak, they must not contradict each other.
 *
 * @param window that of some layers; the others see everything
 * @param windowed which layers have it
 */
public record LayerWindows(AttentionWindow window, IntPredicate windowed) {
  static final String TYPES = "layer_types";
  public static final String SLIDING = "sliding_attention";
  public static final String FULL = "full_attention";
  private static final String SIZE = "sliding_window";
  private static final String CHUNKED = "chunked_attention";
  private static final int DEFAULT_MAX_WINDOW_LAYERS = 28;
  private static final int DEFAULT_CHUNK = 8192;

  /** Every layer that attends sees everything; which ones do is said elsewhere. */
  public static LayerWindows ofSome() {
    return new LayerWindows(AttentionWindow.NONE, layer -> false);
  }

  /** Every layer sees everything. */
  public static LayerWindows none(ModelConfig config) {
    return checked(config, AttentionWindow.NONE, layer -> false);
  }

  /** Every layer has the window of {@code sliding_window}, if that is given. */
  public static LayerWindows everywhere(ModelConfig config) {
    OptionalInt window = config.optionalCount(SIZE);
    if (window.isPresent() && !config.flag("use_sliding_window", true)) {
      throw config.refuse("use_sliding_window", "true where there is a sliding_window");
    }
    return window.isPresent()
        ? checked(config, new AttentionWindow.Sliding(window.getAsInt()), layer -> true)
        : checked(config, AttentionWindow.NONE, layer -> false);
  }

  /**
   * Layers from {@code max_window_layers} on have a window, if {@code use_sliding_window} is set.
   */
  public static LayerWindows aboveSome(ModelConfig config) {
    boolean used = config.flag("use_sliding_window", false);
    OptionalInt window = config.optionalCount(SIZE);
    int fullLayers = config.atLeast("max_window_layers", 0, DEFAULT_MAX_WINDOW_LAYERS);
    if (!used) {
      return checked(config, AttentionWindow.NONE, layer -> false);
    }
    if (window.isEmpty()) {
      throw config.refuse(SIZE, "a number of positions, since use_sliding_window is true");
    }
    return checked(
        config, new AttentionWindow.Sliding(window.getAsInt()), layer -> layer >= fullLayers);
  }

  /** All but every so many-th layer have the window of {@code sliding_window}. */
  public static LayerWindows butEvery(int period, ModelConfig config) {
    return checked(
        config,
        new AttentionWindow.Sliding(config.count(SIZE)),
        layer -> (layer + 1) % period != 0);
  }

  /** The same, or every layer sees everything if there is no {@code sliding_window}. */
  public static LayerWindows butEveryIfAny(int period, ModelConfig config) {
    return config.optionalCount(SIZE).isPresent() ? butEvery(period, config) : none(config);
  }

  /** Layers that turn heads see chunks of {@code attention_chunk_size}, unless types are given. */
  public static LayerWindows chunked(ModelConfig config, RotaryLayers rotary) {
    int positions = config.count("attention_chunk_size", DEFAULT_CHUNK);
    return checked(config, new AttentionWindow.Chunk(positions), rotary::turns);
  }

  /** Layers have the window of {@code sliding_window} where {@code layer_types} says so. */
  public static LayerWindows typed(ModelConfig config) {
    OptionalInt window = config.optionalCount(SIZE);
    return window.isPresent()
        ? checked(config, new AttentionWindow.Sliding(window.getAsInt()), layer -> false)
        : none(config);
  }

  private static LayerWindows checked(
      ModelConfig config, AttentionWindow window, IntPredicate usual) {
    Optional<List<String>> types = config.texts(TYPES);
    types.ifPresent(list -> check(list, config, window));
    return new LayerWindows(
        window,
        types.<IntPredicate>map(list -> layer -> !list.get(layer).equals(FULL)).orElse(usual));
  }

  private static void check(List<String> types, ModelConfig config, AttentionWindow window) {
    int layers = config.count("num_hidden_layers");
    if (types.size() != layers) {
      throw config.refuse(
          TYPES, "a list of " + types.size(), "one type for each of the " + layers + " layers");
    }
    for (String type : types) {
      if (!type.equals(FULL) && !type.equals(typeOf(window))) {
        throw config.refuse(
            TYPES,
            "a list with '" + type + "'",
            window instanceof AttentionWindow.Chunk
                ? FULL + " or " + CHUNKED
                : FULL + ", or " + SLIDING + " where the model has a sliding window");
      }
    }
  }

  /** What layers are called that have a window. */
  private static String typeOf(AttentionWindow window) {
    return switch (window) {
      case AttentionWindow.None() -> FULL;
      case AttentionWindow.Sliding _ -> SLIDING;
      case AttentionWindow.Chunk _ -> CHUNKED;
    };
  }

  /** Which positions queries of a layer see. */
  public AttentionWindow of(int layer) {
    return windowed.test(layer) ? window : AttentionWindow.NONE;
  }
}

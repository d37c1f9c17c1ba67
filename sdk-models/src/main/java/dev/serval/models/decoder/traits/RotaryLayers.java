package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * In which layers positions turn heads: where {@code no_rope_layers} has a 1, whatever its name
 * says; without it in all but every so many-th.
 *
 * @param turned for each layer whether it is among them, if that is said
 * @param interval which layers are left out without it; {@link #NONE_LEFT_OUT} for none
 */
public record RotaryLayers(Optional<List<Boolean>> turned, int interval) {
  private static final String LIST = "no_rope_layers";
  private static final int NONE_LEFT_OUT = 0;
  private static final int DEFAULT_INTERVAL = 4;

  /** In all of them. */
  public static RotaryLayers all() {
    return new RotaryLayers(Optional.empty(), NONE_LEFT_OUT);
  }

  /** In none. */
  public static RotaryLayers none() {
    return new RotaryLayers(Optional.empty(), 1);
  }

  /** In those that have a window, or in all of a model without one. */
  public static RotaryLayers windowed(LayerWindows windows, ModelConfig config) {
    return windows.window() == AttentionSpec.NO_WINDOW
        ? all()
        : new RotaryLayers(
            Optional.of(
                IntStream.range(0, config.count("num_hidden_layers"))
                    .mapToObj(windows.slides()::test)
                    .toList()),
            NONE_LEFT_OUT);
  }

  /** As the configuration says, else in three of four. */
  public static RotaryLayers some(ModelConfig config) {
    Optional<List<Boolean>> turned = config.bits(LIST);
    int layers = config.count("num_hidden_layers");
    if (turned.isPresent() && turned.get().size() != layers) {
      throw config.refuse(
          LIST,
          "a list of " + turned.get().size(),
          "a number for each of the " + layers + " layers");
    }
    return new RotaryLayers(turned, config.count("no_rope_layer_interval", DEFAULT_INTERVAL));
  }

  /** Whether this one is among them. */
  boolean turns(int layer) {
    return turned
        .map(list -> list.get(layer))
        .orElse(interval == NONE_LEFT_OUT || (layer + 1) % interval != 0);
  }
}

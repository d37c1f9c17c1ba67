package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.RotaryEmbedding;
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
 * @param growth how queries grow with their positions in those left out, if they do
 */
public record RotaryLayers(Optional<List<Boolean>> turned, int interval, Optional<Growth> growth) {
  private static final String LIST = "no_rope_layers";
  private static final int NONE_LEFT_OUT = 0;
  private static final int DEFAULT_INTERVAL = 4;

  /**
   * How queries grow that nothing turns.
   *
   * @param share how much for each stretch of positions
   * @param positions how many are alike, the first ones but for one
   */
  public record Growth(double share, int positions) {
    private RotaryEmbedding of(int headDim) {
      return RotaryEmbedding.of(new double[headDim / 2]).withGrowingQueries(share, positions, 1);
    }
  }

  private RotaryLayers(Optional<List<Boolean>> turned, int interval) {
    this(turned, interval, Optional.empty());
  }

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
    return windows.window().equals(AttentionWindow.NONE)
        ? all()
        : new RotaryLayers(
            Optional.of(
                IntStream.range(0, config.count("num_hidden_layers"))
                    .mapToObj(windows.windowed()::test)
                    .toList()),
            NONE_LEFT_OUT);
  }

  /** As the configuration says, else in three of four. */
  public static RotaryLayers some(ModelConfig config) {
    Optional<List<Boolean>> turned = config.bits(LIST).filter(list -> !list.isEmpty());
    int layers = config.count("num_hidden_layers");
    if (turned.isPresent() && turned.get().size() != layers) {
      throw config.refuse(
          LIST,
          "a list of " + turned.get().size(),
          "a number for each of the " + layers + " layers");
    }
    return new RotaryLayers(turned, config.count("no_rope_layer_interval", DEFAULT_INTERVAL));
  }

  /** The same, where queries of the others grow. */
  public RotaryLayers growing(Growth of) {
    return new RotaryLayers(turned, interval, Optional.of(of));
  }

  /** What there is in place of turning. */
  RotaryEmbedding standing(int headDim) {
    return growth.map(some -> some.of(headDim)).orElseGet(() -> RotaryEmbedding.of(new double[0]));
  }

  /** Whether this one is among them. */
  public boolean turns(int layer) {
    return turned
        .map(list -> list.get(layer))
        .orElse(interval == NONE_LEFT_OUT || (layer + 1) % interval != 0);
  }
}

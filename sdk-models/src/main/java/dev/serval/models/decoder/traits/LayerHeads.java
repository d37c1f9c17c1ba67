package dev.serval.models.decoder.traits;

import dev.serval.models.decoder.config.ModelConfig;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * What sets the heads of some layers apart from those of others.
 *
 * @param full the heads of layers that see everything, where layers with a window have others
 * @param valueNorms whether values are normalised head by head, without gains
 * @param sharing how many of the last layers keep no keys and values, but attend to those of the
 *     last layer below that does and that has a window, or none, as they do
 */
public record LayerHeads(Optional<HeadSizes> full, boolean valueNorms, int sharing) {
  private static final String SHARING = "num_kv_shared_layers";

  /** All alike. */
  static final LayerHeads ALIKE = new LayerHeads(Optional.empty(), false, 0);

  /** How many share; some layer below must have keys and values for each of those that do. */
  public static int sharing(ModelConfig config, LayerWindows windows) {
    int layers = config.count("num_hidden_layers");
    int sharing = config.atLeast(SHARING, 0, 0);
    int keeping = layers - sharing;
    Set<Boolean> kinds = new HashSet<>();
    for (int layer = Math.max(0, keeping); layer < layers && kinds.size() < 2; layer++) {
      kinds.add(windows.windowed().test(layer));
      if (keeper(windows, layer, keeping) < 0) {
        throw config.refuse(
            SHARING,
            "a number that leaves a layer with a window and one without below those that share");
      }
    }
    return sharing;
  }

  /**
   * Which layer keeps the keys and values that another attends to.
   *
   * @param layer the other
   * @param end behind the last layer that keeps some
   * @return the layer; negative if there is none
   */
  public static int keeper(LayerWindows windows, int layer, int end) {
    int keeper = end - 1;
    while (keeper >= 0 && windows.windowed().test(keeper) != windows.windowed().test(layer)) {
      keeper--;
    }
    return keeper;
  }
}

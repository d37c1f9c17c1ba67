package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * What sets the heads of some layers apart from those of others.
 *
 * @param full the heads of layers that see everything, where layers with a window have others
 * @param valueNorms whether values are normalised head by head, without gains
 * @param sharing how many of the last layers keep no keys and values, but attend to those of the
 *     last layer below that does and that has a window, or none, as they do
 */
public record LayerHeads(Optional<HeadSizes> full, boolean valueNorms, int sharing) {
  /** All alike. */
  static final LayerHeads ALIKE = new LayerHeads(Optional.empty(), false, 0);

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

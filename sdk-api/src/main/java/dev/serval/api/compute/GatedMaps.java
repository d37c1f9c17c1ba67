package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/**
 * The maps of a gated feed-forward layer, or of one of the experts that make up one.
 *
 * @param gateUp {@code [2 · inner, width]}, the rows of the gate above those of up
 * @param gateUpBias a vector of 2 · inner, or null
 * @param down {@code [width, inner]}
 * @param downBias a vector of the width, or null
 */
public record GatedMaps(
    Weight gateUp, @Nullable Weight gateUpBias, Weight down, @Nullable Weight downBias) {
  /**
   * Maps without a bias.
   *
   * @param gateUp {@code [2 · inner, width]}, the rows of the gate above those of up
   * @param down {@code [width, inner]}
   */
  public GatedMaps(Weight gateUp, Weight down) {
    this(gateUp, null, down, null);
  }
}

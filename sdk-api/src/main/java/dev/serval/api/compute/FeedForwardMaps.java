package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/**
 * The maps of a feed-forward layer, or of one of the experts that make up one.
 *
 * @param gateUp {@code [2 · inner, width]}, the rows of the gate above those of up; {@code [inner,
 *     width]}, those of up alone, where {@linkplain UngatedFunction nothing is gated}
 * @param gateUpBias a vector of as many, or null
 * @param down {@code [width, inner]}
 * @param downBias a vector of the width, or null
 */
public record FeedForwardMaps(
    Weight gateUp, @Nullable Weight gateUpBias, Weight down, @Nullable Weight downBias) {
  /**
   * Maps without a bias.
   *
   * @param gateUp the first
   * @param down the second
   */
  public FeedForwardMaps(Weight gateUp, Weight down) {
    this(gateUp, null, down, null);
  }
}

package dev.serval.models.decoder.traits;

import dev.serval.api.compute.ShortConvolutionSpec;

/**
 * Short convolutions.
 *
 * @param width how wide they are
 * @param taps how many rows they see
 */
public record ShortConvolutionTraits(int width, int taps) implements StateTraits {
  @Override
  public long stateBytes() {
    return ShortConvolutionSpec.stateBytes(width, taps);
  }

  @Override
  public int inputColumns() {
    return 3 * width;
  }

  @Override
  public int betweenColumns() {
    return 1;
  }

  @Override
  public String output() {
    return "conv.out_proj";
  }

  @Override
  public int outputColumns() {
    return width;
  }
}

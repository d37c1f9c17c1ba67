package dev.serval.models.decoder.traits;

import dev.serval.api.compute.RotaryEmbedding;

/**
 * How positions turn each layer's heads.
 *
 * @param traits which layers have a window, and which turn nothing
 * @param usual of most layers
 * @param windowed of layers that have a window
 */
public record LayerRotations(
    DecoderTraits traits, RotaryEmbedding usual, RotaryEmbedding windowed) {
  private static final RotaryEmbedding NONE = RotaryEmbedding.of(new double[0]);

  public static LayerRotations of(DecoderShape shape) {
    RotaryFrequencies others = shape.rotary();
    RotaryFrequencies ofWindows = shape.traits().windowed().apply(others);
    RotaryEmbedding usual = others.embedding();
    RotaryEmbedding windowed = ofWindows.equals(others) ? usual : ofWindows.embedding();
    return new LayerRotations(shape.traits(), usual, windowed);
  }

  public RotaryEmbedding of(int layer) {
    if (!traits.rotaryLayers().turns(layer)) {
      return NONE;
    }
    return traits.windows().slides().test(layer) ? windowed : usual;
  }
}

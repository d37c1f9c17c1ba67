package dev.serval.models.decoder.traits;

import dev.serval.api.compute.RotaryEmbedding;

/**
 * How positions turn each layer's heads.
 *
 * @param traits which layers have a window, and which turn nothing
 * @param usual of most layers
 * @param windowed of layers that have a window
 * @param standing of layers that turn nothing
 */
public record LayerRotations(
    DecoderTraits traits,
    RotaryEmbedding usual,
    RotaryEmbedding windowed,
    RotaryEmbedding standing) {
  public static LayerRotations of(DecoderShape shape) {
    RotaryFrequencies others = shape.rotary();
    RotaryFrequencies ofWindows = shape.traits().windowed().apply(others);
    RotaryEmbedding usual = others.embedding();
    RotaryEmbedding windowed = ofWindows.equals(others) ? usual : ofWindows.embedding();
    RotaryEmbedding standing = shape.traits().rotaryLayers().standing(shape.headDim());
    return new LayerRotations(shape.traits(), usual, windowed, standing);
  }

  public RotaryEmbedding of(int layer) {
    if (!traits.rotaryLayers().turns(layer)) {
      return standing;
    }
    return traits.windows().windowed().test(layer) ? windowed : usual;
  }
}

package dev.serval.models.decoder.traits;

import java.util.OptionalInt;

/**
 * What else happens to what goes from layer to layer.
 *
 * @param embeddings by what embeddings are multiplied before the first
 * @param inputs how many columns each layer has of a table of embeddings of its own, if it has any
 * @param scales whether what each layer gives is multiplied by a number of its own
 */
public record LayerStream(double embeddings, OptionalInt inputs, boolean scales) {
  /** Nothing. */
  static final LayerStream PLAIN = new LayerStream(1, OptionalInt.empty(), false);
}

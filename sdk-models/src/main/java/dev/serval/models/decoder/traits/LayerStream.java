package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * What else happens to what goes from layer to layer.
 *
 * @param embeddings by what embeddings are multiplied before the first
 * @param inputs what each layer has of a table of embeddings of its own, if it has anything
 * @param scales whether what each layer gives is multiplied by a number of its own
 * @param altUp what there is beside it, if it is one of several streams
 */
public record LayerStream(
    double embeddings, Optional<LayerInputs> inputs, boolean scales, Optional<AltUpTraits> altUp) {
  /** Nothing. */
  static final LayerStream PLAIN = new LayerStream(1, Optional.empty(), false, Optional.empty());
}

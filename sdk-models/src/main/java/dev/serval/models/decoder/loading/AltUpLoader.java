package dev.serval.models.decoder.loading;

import dev.serval.api.compute.Norm;
import dev.serval.api.compute.Weight;
import dev.serval.models.decoder.tensors.AltUpTensors;
import dev.serval.models.decoder.tensors.NormTensors;
import dev.serval.models.decoder.tensors.TensorNeed;
import dev.serval.models.decoder.traits.AltUpTraits;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.NormGains;
import java.util.List;

/** Loads what several streams need. */
final class AltUpLoader {
  private final CheckpointWeights weights;
  private final DecoderShape shape;

  AltUpLoader(CheckpointWeights weights, DecoderShape shape) {
    this.weights = weights;
    this.shape = shape;
  }

  DecoderWeights.AltUp outer(AltUpTensors tensors) {
    return new DecoderWeights.AltUp(
        tensors.begin().stream().map(weights::weight).toList(),
        tensors.end().stream().map(weights::weight).toList());
  }

  /** Routes are made of rows that are divided by the width as well. */
  DecoderWeights.AltUpLayer layer(AltUpTensors.Layer tensors) {
    AltUpTraits traits = shape.traits().stream().altUp().orElseThrow();
    AltUpTensors.Laurel laurel = tensors.laurel();
    return new DecoderWeights.AltUpLayer(
        norm(tensors.routerNorm(), shape.hidden()),
        weights.weight(tensors.router()),
        weights.weight(tensors.prediction()),
        corrections(tensors.correction(), traits),
        weights.ones(traits.streams()),
        weights.optional(tensors.scale()),
        new DecoderWeights.Laurel(
            norm(laurel.start(), AltUpTraits.DIVISOR),
            weights.weight(laurel.left()),
            weights.weight(laurel.right()),
            norm(laurel.end(), AltUpTraits.DIVISOR)));
  }

  private Weight corrections(List<TensorNeed> needs, AltUpTraits traits) {
    return traits
        .clip()
        .map(clip ->
            weights.computed(
                needs,
                stored ->
                    ComputedVector.of(stored, i -> Math.clamp(stored.element(i), -clip, clip))))
        .orElseGet(() -> weights.weight(needs));
  }

  private Norm norm(NormTensors tensors, double divisor) {
    NormGains gains = new NormGains(shape.traits().norms().gainsLessOne(), divisor);
    return weights.norm(tensors, shape.traits().norms(), gains, shape.epsilon());
  }
}

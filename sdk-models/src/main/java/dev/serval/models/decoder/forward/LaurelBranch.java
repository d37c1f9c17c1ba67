package dev.serval.models.decoder.forward;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.decoder.loading.DecoderWeights;
import dev.serval.models.decoder.traits.AltUpTraits;

/**
 * A map of low rank beside attention: {@code x += y; y = normed + norm(right · left · normed)}, and
 * room for it.
 */
final class LaurelBranch {
  private static final float FACTOR = (float) (1 / AltUpTraits.DIVISOR);

  private final ComputeBackend backend;
  private final ResidualStream stream;
  private final Activations between;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param scores where some of it may lie
   */
  LaurelBranch(ComputeBackend backend, ResidualStream stream, int rank, int rows, Logits scores) {
    this.backend = backend;
    this.stream = stream;
    between = backend.activations(rows, rank, scores);
  }

  /**
   * Begins the residual stream with what a layer begins with and what the map adds to it, divided
   * as all is that is added up there.
   *
   * @param in what the layer begins with, of which the norm is there
   */
  void begin(StepBatch batch, Activations in, DecoderWeights.Laurel weights) {
    backend.norm(batch, in, weights.start(), stream.rows());
    backend.addScaled(batch, in, FACTOR, stream.rows());
    backend.linear(batch, stream.normed(), weights.left(), null, between);
    backend.linear(batch, between, weights.right(), null, stream.branch());
    backend.normAdd(batch, stream.branch(), weights.end(), stream.rows());
  }
}

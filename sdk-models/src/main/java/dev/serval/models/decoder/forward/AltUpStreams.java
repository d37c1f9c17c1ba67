package dev.serval.models.decoder.forward;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.models.decoder.loading.DecoderWeights;
import dev.serval.models.decoder.traits.AltUpTraits;
import dev.serval.models.decoder.traits.DecoderShape;
import java.util.List;
import java.util.stream.Stream;

/**
 * The streams that go from layer to layer where there are several. What a layer works on, the
 * residual stream, begins in each with the prediction for one of them:
 *
 * <pre>
 * streams += predictions(route(streams[active])) · streams
 * x = what the layer makes of streams[active]
 * streams += (1 + corrections(route(x))) · (x − streams[active])
 * </pre>
 */
final class AltUpStreams {
  private final ComputeBackend backend;
  private final ResidualStream stream;
  private final List<Activations> streams;
  private final List<Activations> others;
  private final Activations active;
  private final Activations routed;
  private final Activations routes;
  private final Activations predictions;
  private final Activations corrections;
  private final List<Activations> innovation;
  private final LaurelBranch laurel;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param scores where some of it may lie
   */
  AltUpStreams(
      ComputeBackend backend, ResidualStream stream, DecoderShape shape, int rows, Logits scores) {
    this.backend = backend;
    this.stream = stream;
    AltUpTraits traits = shape.traits().stream().altUp().orElseThrow();
    int count = traits.streams();
    streams =
        Stream.generate(() -> backend.activations(rows, shape.hidden())).limit(count).toList();
    others = streams.subList(1, count);
    active = streams.get(traits.active());
    routed = backend.activations(rows, count, scores);
    routes = backend.operands(rows, count, scores);
    predictions = backend.activations(rows, count * count, scores);
    corrections = backend.activations(rows, count, scores);
    innovation = List.of(stream.rows());
    laurel = new LaurelBranch(backend, stream, traits.rank(), rows, scores);
  }

  /** Where embeddings go. */
  Activations first() {
    return streams.getFirst();
  }

  /** All but the first. */
  List<Activations> others() {
    return others;
  }

  /** Makes the other streams of the first, as large as it. */
  void begin(StepBatch batch, DecoderWeights.AltUp weights) {
    for (int other = 0; other < others.size(); other++) {
      backend.linear(batch, first(), weights.begin().get(other), null, others.get(other));
      backend.rescale(batch, first(), others.get(other));
    }
  }

  /** Predicts the streams, and gives what attention begins with. */
  Activations begin(StepBatch batch, DecoderWeights.AltUpLayer weights, Norm attentionNorm) {
    route(batch, active, weights);
    backend.linear(batch, routes, weights.prediction(), null, predictions);
    backend.mix(batch, streams, predictions, streams);
    backend.norm(batch, active, attentionNorm, stream.normed());
    laurel.begin(batch, active, weights.laurel());
    return stream.normed();
  }

  private void route(StepBatch batch, Activations rows, DecoderWeights.AltUpLayer weights) {
    backend.norm(batch, rows, weights.routerNorm(), stream.normed());
    backend.linear(batch, stream.normed(), weights.router(), null, routed);
    backend.activate(batch, UngatedFunction.TANH, routed, routes);
  }

  /** Corrects the streams by what the layer has made, which is lost. */
  void correct(StepBatch batch, DecoderWeights.AltUpLayer weights) {
    route(batch, stream.rows(), weights);
    backend.linear(batch, routes, weights.correction(), weights.ones(), corrections);
    backend.addScaled(batch, active, -1, stream.rows());
    backend.mix(batch, innovation, corrections, streams);
  }

  /** What a layer's own input is taken by. */
  Activations corrected(StepBatch batch, DecoderWeights.AltUpLayer weights) {
    if (weights.scale() == null) {
      return active;
    }
    backend.multiply(batch, active, weights.scale(), stream.normed());
    return stream.normed();
  }

  /** Leaves the rows behind that no logits are wanted of. */
  void gather(StepBatch batch) {
    for (int index = 0; index < streams.size(); index++) {
      backend.gather(batch, streams.get(index));
    }
  }

  /** Makes the residual stream of the mean of all, each of the others as large as the first. */
  void end(StepBatch batch, DecoderWeights.AltUp weights) {
    Activations sum = stream.rows();
    merge(batch, others.getFirst(), weights.end().getFirst(), sum);
    for (int other = 1; other < others.size(); other++) {
      merge(batch, others.get(other), weights.end().get(other), stream.branch());
      backend.addScaled(batch, stream.branch(), 1, sum);
    }
    backend.addScaled(batch, first(), 1, sum);
    backend.scale(batch, sum, 1f / streams.size());
  }

  private void merge(StepBatch batch, Activations in, Weight map, Activations out) {
    backend.linear(batch, in, map, null, out);
    backend.rescale(batch, first(), out);
  }
}

package dev.serval.models.decoder.forward;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.FeedForwardRoom;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.decoder.loading.DecoderWeights;
import dev.serval.models.decoder.loading.DecoderWeights.FeedForward;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.ExpertTraits;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What layers do with each row by itself, and the room that it has in between. */
final class FeedForwardPart {
  private final ComputeBackend backend;
  private final ResidualStream stream;
  private final ActivationFunction function;
  private final ActivationFunction[] functions;
  private final float factor;
  private final @Nullable FeedForwardRoom[] denseRooms;
  private final @Nullable FeedForwardRoom sharedRoom;
  private final @Nullable Activations both;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param spare what nobody reads any more when this begins
   */
  FeedForwardPart(
      ComputeBackend backend,
      ResidualStream stream,
      DecoderShape shape,
      int rows,
      List<Activations> spare) {
    this.backend = backend;
    this.stream = stream;
    function = shape.traits().activation();
    functions =
        IntStream.range(0, shape.layers())
            .mapToObj(shape.traits()::activation)
            .toArray(ActivationFunction[]::new);
    factor = shape.traits().feedForwardFactor();
    Optional<ExpertTraits> experts = shape.traits().experts();
    boolean beside = experts.filter(ExpertTraits::beside).isPresent();
    both = beside ? backend.activations(rows, shape.hidden()) : null;
    denseRooms = denseRooms(shape, rows, spare);
    sharedRoom =
        experts
            .flatMap(ExpertTraits::shared)
            .filter(shared -> shared.gate().isEmpty())
            .map(shared -> backend.feedForwardRoom(function, rows, shared.inner(), spare))
            .orElse(null);
  }

  /** Of each layer that is dense; of those of one width the same. */
  private @Nullable FeedForwardRoom[] denseRooms(
      DecoderShape shape, int rows, List<Activations> spare) {
    Map<Integer, ActivationFunction> widths = new LinkedHashMap<>();
    for (int layer = 0; layer < shape.layers(); layer++) {
      if (shape.dense(layer)) {
        widths.merge(shape.intermediate(layer), functions[layer], FeedForwardPart::either);
      }
    }
    Map<Integer, FeedForwardRoom> rooms = new HashMap<>();
    widths.forEach((width, function) ->
        rooms.put(width, backend.feedForwardRoom(function, rows, width, spare)));
    return IntStream.range(0, shape.layers())
        .mapToObj(layer -> shape.dense(layer) ? rooms.get(shape.intermediate(layer)) : null)
        .toArray(FeedForwardRoom[]::new);
  }

  /** Room for sparse gates is room for others as well. */
  private static ActivationFunction either(ActivationFunction one, ActivationFunction other) {
    return one instanceof SparseGate ? one : other;
  }

  /**
   * Adds what a layer makes of each row.
   *
   * @param in what it begins with
   * @param index which layer
   */
  void add(StepBatch batch, Activations in, DecoderWeights.Layer layer, int index) {
    switch (layer.feedForward()) {
      case FeedForward.Dense dense ->
          dense(batch, functions[index], in, dense.maps(), denseRooms[index], layer.mlpEndNorm());
      case FeedForward.Beside beside -> beside(batch, in, beside, layer, index);
      case FeedForward.Sparse sparse -> sparse(batch, in, sparse, layer.mlpEndNorm());
      case FeedForward.None() -> {}
    }
  }

  /** What both parts give is normalised by itself, added up, and normalised once more. */
  private void beside(
      StepBatch batch,
      Activations in,
      FeedForward.Beside beside,
      DecoderWeights.Layer layer,
      int index) {
    Activations given = stream.branch();
    Activations sum = Objects.requireNonNull(both);
    FeedForwardRoom room = Objects.requireNonNull(denseRooms[index]);
    backend.feedForward(batch, functions[index], in, beside.dense(), room, given, false);
    backend.norm(batch, given, beside.denseEndNorm(), sum);
    Activations normed = stream.begin(batch, beside.expertsNorm());
    backend.scale(batch, given, 0);
    backend.addExperts(batch, normed, beside.experts(), given);
    backend.normAdd(batch, given, beside.expertsEndNorm(), sum);
    stream.add(batch, sum, layer.mlpEndNorm(), factor);
  }

  private void sparse(
      StepBatch batch, Activations in, FeedForward.Sparse sparse, @Nullable Norm endNorm) {
    if (endNorm != null) {
      normedSparse(batch, in, sparse, endNorm);
      return;
    }
    addExperts(batch, in, sparse, stream.rows());
    if (sparse.shared() != null) {
      dense(batch, function, in, sparse.shared(), sharedRoom, null);
    }
  }

  /** What experts and those that all rows go to give is added up apart, and normalised. */
  private void normedSparse(
      StepBatch batch, Activations in, FeedForward.Sparse sparse, Norm endNorm) {
    Activations sum = stream.branch();
    if (sparse.shared() == null) {
      backend.scale(batch, sum, 0);
    } else {
      FeedForwardRoom room = Objects.requireNonNull(sharedRoom);
      backend.feedForward(batch, function, in, sparse.shared(), room, sum, false);
    }
    addExperts(batch, in, sparse, sum);
    stream.add(batch, sum, endNorm, factor);
  }

  private void addExperts(
      StepBatch batch, Activations in, FeedForward.Sparse sparse, Activations out) {
    List<ExpertLayer> experts = sparse.experts();
    for (int index = 0; index < experts.size(); index++) {
      backend.addExperts(batch, in, experts.get(index), out);
    }
  }

  private void dense(
      StepBatch batch,
      ActivationFunction between,
      Activations in,
      FeedForwardMaps maps,
      @Nullable FeedForwardRoom of,
      @Nullable Norm endNorm) {
    FeedForwardRoom room = Objects.requireNonNull(of);
    if (ResidualStream.atOnce(endNorm, factor)) {
      backend.feedForward(batch, between, in, maps, room, stream.rows(), true);
      return;
    }
    backend.feedForward(batch, between, in, maps, room, stream.branch(), false);
    stream.add(batch, stream.branch(), endNorm, factor);
  }
}

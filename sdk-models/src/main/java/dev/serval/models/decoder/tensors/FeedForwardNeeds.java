package dev.serval.models.decoder.tensors;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.LayerPart;
import dev.serval.models.decoder.traits.MapNames;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Which tensors feed-forward layers need.
 *
 * @param shape the model
 */
record FeedForwardNeeds(DecoderShape shape) {
  /** Those of a layer whose tensors' names begin so. */
  FeedForwardTensors of(String layer, int index) {
    if (!shape.has(LayerPart.FEED_FORWARD, index)) {
      return new FeedForwardTensors.None();
    }
    return shape
        .traits()
        .experts()
        .filter(experts -> experts.in(index))
        .<FeedForwardTensors>map(
            experts -> experts.beside() ? beside(layer, experts, index) : sparse(layer, experts))
        .orElseGet(() -> dense(layer, shape.intermediate(index)));
  }

  private FeedForwardTensors.Dense dense(String layer, int inner) {
    return dense(layer, shape.traits().names().feedForward(), inner);
  }

  private FeedForwardTensors.Dense dense(String layer, MapNames names, int inner) {
    return switch (shape.traits().activation()) {
      case GateFunction _, SparseGate _ -> gated(layer, names, inner);
      case UngatedFunction _ ->
          maps(
              new LinearNeed[] {linear(layer + names.up(), inner, shape.hidden())},
              linear(layer + names.down(), shape.hidden(), inner));
    };
  }

  private FeedForwardTensors.Dense gated(String layer, MapNames names, int inner) {
    LinearNeed[] gates =
        names
            .gateUp()
            .map(both -> new LinearNeed(layer + both, 2 * inner, shape.hidden()))
            .map(both -> new LinearNeed[] {both})
            .orElseGet(() -> gates(layer + names.gate(), layer + names.up(), inner));
    return maps(gates, new LinearNeed(layer + names.down(), shape.hidden(), inner));
  }

  private LinearNeed[] gates(String gate, String up, int inner) {
    return new LinearNeed[] {
      new LinearNeed(gate, inner, shape.hidden()), new LinearNeed(up, inner, shape.hidden())
    };
  }

  private FeedForwardTensors.Dense maps(LinearNeed[] gates, LinearNeed down) {
    boolean bias = shape.traits().mlpBias();
    return new FeedForwardTensors.Dense(
        LinearNeed.weights(gates),
        bias ? LinearNeed.biases(gates) : List.of(),
        LinearNeed.weights(down),
        bias ? LinearNeed.biases(down) : List.of());
  }

  private FeedForwardTensors beside(String layer, ExpertTraits experts, int index) {
    return new FeedForwardTensors.Beside(
        dense(layer, shape.intermediate(index)),
        NormTensors.of(shape, layer + "post_feedforward_layernorm_1"),
        NormTensors.of(shape, layer + "pre_feedforward_layernorm_2"),
        sparse(layer, experts),
        TensorNeed.byElement(List.of(TensorNeed.vector(layer + "router.scale", shape.hidden()))),
        List.of(TensorNeed.vector(layer + "router.per_expert_scale", experts.count())),
        NormTensors.of(shape, layer + "post_feedforward_layernorm_2"));
  }

  private FeedForwardTensors.Sparse sparse(String layer, ExpertTraits experts) {
    LinearNeed router =
        new LinearNeed(layer + experts.names().router(), experts.count(), shape.hidden());
    Optional<ExpertTraits.Shared> shared = experts.shared();
    return new FeedForwardTensors.Sparse(
        experts.beside()
            ? TensorNeed.byElement(LinearNeed.weights(router))
            : LinearNeed.weights(router),
        shape.traits().mlpBias() ? LinearNeed.biases(router) : List.of(),
        experts
            .routing()
            .selectionBias()
            .map(name -> List.of(TensorNeed.vector(layer + name, experts.count())))
            .orElse(List.of()),
        IntStream.range(0, experts.count())
            .mapToObj(expert -> expert(layer, experts, expert))
            .toList(),
        shared.map(one -> dense(layer, one.maps(), one.inner())),
        shared
            .flatMap(ExpertTraits.Shared::gate)
            .map(gate -> LinearNeed.weights(new LinearNeed(layer + gate, 1, shape.hidden())))
            .orElse(List.of()));
  }

  private FeedForwardTensors.Dense expert(String layer, ExpertTraits experts, int expert) {
    int hidden = shape.hidden();
    int inner = experts.inner();
    return switch (experts.names()) {
      case ExpertTraits.Names.Apart names -> dense(layer, names.of(expert), inner);
      case ExpertTraits.Names.Joined names -> dense(layer, names.of(expert), inner);
      case ExpertTraits.Names.Together names -> {
        int inputs = shape.traits().activation().inputs(inner);
        yield new FeedForwardTensors.Dense(
            part(layer + names.gateUp(), expert, experts.count(), inputs, hidden),
            List.of(),
            part(layer + names.down(), expert, experts.count(), hidden, inner),
            List.of());
      }
    };
  }

  private static List<TensorNeed> part(String name, int part, int parts, int rows, int columns) {
    return List.of(TensorNeed.matrixOf(name, part, parts, rows, columns));
  }

  private LinearNeed linear(String name, int rows, int columns) {
    return new LinearNeed(name, rows, columns, shape.traits().byInput());
  }
}

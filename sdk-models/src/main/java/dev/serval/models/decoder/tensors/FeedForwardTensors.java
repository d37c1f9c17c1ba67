package dev.serval.models.decoder.tensors;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/** What a layer's part behind attention needs. */
public sealed interface FeedForwardTensors {
  Stream<List<TensorNeed>> all();

  /** The same for all rows. */
  record Dense(
      List<TensorNeed> gateUp,
      List<TensorNeed> gateUpBias,
      List<TensorNeed> down,
      List<TensorNeed> downBias)
      implements FeedForwardTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(gateUp, gateUpBias, down, downBias);
    }
  }

  /** Nothing: the layer mixes tokens alone. */
  record None() implements FeedForwardTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of();
    }
  }

  /**
   * Experts beside a dense part, each with norms of its own; experts get their scores of another
   * norm of the row, the products' by columns.
   */
  record Beside(
      Dense dense,
      NormTensors denseEndNorm,
      NormTensors expertsNorm,
      Sparse experts,
      List<TensorNeed> routerScale,
      List<TensorNeed> expertScales,
      NormTensors expertsEndNorm)
      implements FeedForwardTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(
              dense.all(),
              experts.all(),
              denseEndNorm.all(),
              expertsNorm.all(),
              expertsEndNorm.all(),
              Stream.of(routerScale, expertScales))
          .flatMap(Function.identity());
    }
  }

  /**
   * Several experts, each of which is what a layer of one would be.
   *
   * @param shared what all rows go to beside them
   * @param sharedGate what gives that its share
   */
  record Sparse(
      List<TensorNeed> router,
      List<TensorNeed> routerBias,
      List<TensorNeed> selectionBias,
      List<Dense> experts,
      Optional<Dense> shared,
      List<TensorNeed> sharedGate)
      implements FeedForwardTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.concat(
          Stream.of(router, routerBias, selectionBias, sharedGate),
          Stream.concat(experts.stream(), shared.stream()).flatMap(Dense::all));
    }
  }
}

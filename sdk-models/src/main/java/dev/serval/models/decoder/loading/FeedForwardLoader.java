package dev.serval.models.decoder.loading;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.tensors.FeedForwardTensors;
import dev.serval.models.decoder.tensors.TensorNeed;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.NormGains;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Loads what feed-forward layers need, experts among them. */
final class FeedForwardLoader {
  private final CheckpointWeights weights;
  private final ComputeBackend backend;
  private final int maxRows;

  FeedForwardLoader(CheckpointWeights weights, ComputeBackend backend, int maxRows) {
    this.weights = weights;
    this.backend = backend;
    this.maxRows = maxRows;
  }

  DecoderWeights.FeedForward feedForward(FeedForwardTensors tensors, DecoderShape shape) {
    DecoderTraits traits = shape.traits();
    return switch (tensors) {
      case FeedForwardTensors.None() -> new DecoderWeights.FeedForward.None();
      case FeedForwardTensors.Dense dense -> new DecoderWeights.FeedForward.Dense(maps(dense));
      case FeedForwardTensors.Beside beside -> beside(beside, shape);
      case FeedForwardTensors.Sparse sparse -> sparse(sparse, traits);
    };
  }

  private DecoderWeights.FeedForward beside(FeedForwardTensors.Beside tensors, DecoderShape shape) {
    DecoderTraits traits = shape.traits();
    NormGains gains = traits.gains();
    Weight router = router(tensors, shape.hidden());
    Weight scales = weights.weight(tensors.expertScales());
    return new DecoderWeights.FeedForward.Beside(
        maps(tensors.dense()),
        weights.norm(tensors.denseEndNorm(), traits.norms(), gains, shape.epsilon()),
        weights.norm(tensors.expertsNorm(), traits.norms(), gains, shape.epsilon()),
        backend.experts(experts(tensors.experts(), traits, router, scales), maxRows),
        weights.norm(tensors.expertsEndNorm(), traits.norms(), gains, shape.epsilon()));
  }

  /**
   * What gives scores of a row that is normalised for experts: the stored map is of one that is
   * normalised without gains, and then multiplied by the scale over the root of the width.
   */
  private Weight router(FeedForwardTensors.Beside tensors, int hidden) {
    StoredTensor gain = weights.tensor(tensors.expertsNorm().gain().getFirst());
    StoredTensor scale = weights.ingredient(tensors.routerScale().getFirst());
    double root = Math.sqrt(hidden);
    List<TensorNeed> needs = tensors.experts().router();
    return weights.computed(needs, stored -> ComputedVector.byColumns(stored, scale, gain, root));
  }

  private DecoderWeights.FeedForward sparse(
      FeedForwardTensors.Sparse tensors, DecoderTraits traits) {
    ExpertLayer routed =
        backend.experts(experts(tensors, traits, weights.weight(tensors.router()), null), maxRows);
    if (tensors.shared().isEmpty()) {
      return new DecoderWeights.FeedForward.Sparse(List.of(routed), null);
    }
    FeedForwardMaps shared = maps(tensors.shared().get());
    if (tensors.sharedGate().isEmpty()) {
      return new DecoderWeights.FeedForward.Sparse(List.of(routed), shared);
    }
    ExpertLayer ofAll = backend.experts(gated(shared, tensors.sharedGate(), traits), maxRows);
    return new DecoderWeights.FeedForward.Sparse(List.of(routed, ofAll), null);
  }

  private ExpertSpec experts(
      FeedForwardTensors.Sparse tensors,
      DecoderTraits traits,
      Weight map,
      @Nullable Weight scales) {
    ExpertTraits.Routing routing = traits.experts().orElseThrow().routing();
    RouterSpec router =
        new RouterSpec(
            map,
            weights.optional(tensors.routerBias()),
            routing.scoring(),
            weights.optional(tensors.selectionBias()),
            scales,
            routing.groups().orElse(null),
            routing.used(),
            routing.normalised(),
            (float) (routing.factor() * traits.feedForwardFactor()));
    return new ExpertSpec(
        router,
        tensors.experts().stream().map(this::maps).toList(),
        traits.activation(),
        routing.weighing());
  }

  /** An expert that all rows go to, by the logistic function of a product. */
  private ExpertSpec gated(FeedForwardMaps expert, List<TensorNeed> gate, DecoderTraits traits) {
    RouterSpec router =
        new RouterSpec(
            weights.weight(gate),
            null,
            RouterSpec.Scoring.SIGMOID,
            null,
            1,
            false,
            traits.feedForwardFactor());
    return new ExpertSpec(router, List.of(expert), traits.activation());
  }

  private FeedForwardMaps maps(FeedForwardTensors.Dense maps) {
    return new FeedForwardMaps(
        weights.weight(maps.gateUp()),
        weights.optional(maps.gateUpBias()),
        weights.weight(maps.down()),
        weights.optional(maps.downBias()));
  }
}

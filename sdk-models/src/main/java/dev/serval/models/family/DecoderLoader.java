package dev.serval.models.family;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.GatedMaps;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Brings a checked checkpoint's tensors onto a backend, layer after layer, and lets go of each
 * layer once it is there: no model is in memory twice.
 */
final class DecoderLoader {
  private static final String STAGE = "weights";

  private final Checkpoint checkpoint;
  private final ComputeBackend backend;
  private final int maxRows;
  private final LoadListener listener;
  private int loaded;
  private int needed;

  DecoderLoader(Checkpoint checkpoint, ComputeBackend backend, int maxRows, LoadListener listener) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.maxRows = maxRows;
    this.listener = listener;
  }

  DecoderWeights load(DecoderShape shape) {
    DecoderTensors tensors = new DecoderTensors(shape);
    needed = tensors.all().mapToInt(List::size).sum();
    LayerRotations rotations = LayerRotations.of(shape);
    Weight embeddings = weight(tensors.embeddings());
    List<DecoderWeights.Layer> layers = new ArrayList<>();
    for (int index = 0; index < shape.layers(); index++) {
      layers.add(
          layer(
              tensors.layer(index),
              shape,
              shape.traits().windows().of(index),
              rotations.of(index)));
      checkpoint.release();
    }
    Weight finalNorm = gains(tensors.finalNorm(), shape.traits().finalGains());
    Weight head = shape.tied() ? embeddings : weight(tensors.head());
    checkpoint.release();
    return new DecoderWeights(embeddings, List.copyOf(layers), finalNorm, head);
  }

  private DecoderWeights.Layer layer(
      DecoderTensors.Layer tensors, DecoderShape shape, int window, RotaryEmbedding rotary) {
    NormGains gains = shape.traits().gains();
    NormGains ends = shape.traits().endGains();
    AttentionSpec attention =
        new AttentionSpec(
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            scale(shape),
            shape.traits().softcaps().scores(),
            window,
            rotary,
            optionalGains(tensors.queryNorm(), gains),
            optionalGains(tensors.keyNorm(), gains),
            shape.epsilon(),
            optional(tensors.sinks()));
    return new DecoderWeights.Layer(
        optionalGains(tensors.attentionNorm(), gains),
        weight(tensors.qkv()),
        optional(tensors.qkvBias()),
        attention,
        weight(tensors.output()),
        optional(tensors.outputBias()),
        optionalGains(tensors.attentionEndNorm(), ends),
        optionalGains(tensors.mlpNorm(), gains),
        feedForward(tensors.feedForward(), shape.traits()),
        optionalGains(tensors.mlpEndNorm(), ends));
  }

  private DecoderWeights.FeedForward feedForward(
      DecoderTensors.FeedForward tensors, DecoderTraits traits) {
    return switch (tensors) {
      case DecoderTensors.FeedForward.Dense dense ->
          new DecoderWeights.FeedForward.Dense(maps(dense));
      case DecoderTensors.FeedForward.Sparse sparse -> sparse(sparse, traits);
    };
  }

  private DecoderWeights.FeedForward sparse(
      DecoderTensors.FeedForward.Sparse tensors, DecoderTraits traits) {
    ExpertLayer routed = backend.experts(experts(tensors, traits), maxRows);
    if (tensors.shared().isEmpty()) {
      return new DecoderWeights.FeedForward.Sparse(List.of(routed), null);
    }
    GatedMaps shared = maps(tensors.shared().get());
    if (tensors.sharedGate().isEmpty()) {
      return new DecoderWeights.FeedForward.Sparse(List.of(routed), shared);
    }
    ExpertLayer ofAll = backend.experts(gated(shared, tensors.sharedGate(), traits), maxRows);
    return new DecoderWeights.FeedForward.Sparse(List.of(routed, ofAll), null);
  }

  private ExpertSpec experts(DecoderTensors.FeedForward.Sparse tensors, DecoderTraits traits) {
    ExpertTraits.Routing routing = traits.experts().orElseThrow().routing();
    RouterSpec router =
        new RouterSpec(
            weight(tensors.router()),
            optional(tensors.routerBias()),
            routing.scoring(),
            optional(tensors.selectionBias()),
            routing.used(),
            routing.normalised(),
            (float) (routing.factor() * traits.branchFactor()));
    return new ExpertSpec(
        router, tensors.experts().stream().map(this::maps).toList(), traits.gate());
  }

  /** An expert that all rows go to, by the logistic function of a product. */
  private ExpertSpec gated(GatedMaps expert, List<TensorNeed> gate, DecoderTraits traits) {
    RouterSpec router =
        new RouterSpec(
            weight(gate), null, RouterSpec.Scoring.SIGMOID, null, 1, false, traits.branchFactor());
    return new ExpertSpec(router, List.of(expert), traits.gate());
  }

  private GatedMaps maps(DecoderTensors.FeedForward.Dense maps) {
    return new GatedMaps(
        weight(maps.gateUp()),
        optional(maps.gateUpBias()),
        weight(maps.down()),
        optional(maps.downBias()));
  }

  private static float scale(DecoderShape shape) {
    return shape
        .traits()
        .multipliers()
        .scores()
        .orElseGet(() -> 1 / Math.sqrt(shape.headDim()))
        .floatValue();
  }

  private @Nullable Weight optionalGains(List<TensorNeed> needs, NormGains gains) {
    return needs.isEmpty() ? null : gains(needs, gains);
  }

  private Weight gains(List<TensorNeed> needs, NormGains gains) {
    return loaded(needs, needs.stream().map(this::tensor).map(gains::of).toList());
  }

  private @Nullable Weight optional(List<TensorNeed> needs) {
    return needs.isEmpty() ? null : weight(needs);
  }

  private Weight weight(List<TensorNeed> needs) {
    return loaded(needs, needs.stream().map(this::tensor).toList());
  }

  private StoredTensor tensor(TensorNeed need) {
    return need.in(checkpoint);
  }

  private Weight loaded(List<TensorNeed> needs, List<StoredTensor> tensors) {
    Weight weight = backend.load(tensors);
    loaded += needs.size();
    listener.progress(STAGE, loaded, needed);
    return weight;
  }
}

package dev.serval.models.family;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
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
  private final LoadListener listener;
  private int loaded;

  DecoderLoader(Checkpoint checkpoint, ComputeBackend backend, LoadListener listener) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.listener = listener;
  }

  DecoderWeights load(DecoderShape shape) {
    DecoderTensors tensors = new DecoderTensors(shape);
    RotaryEmbedding rotary = shape.rotary().embedding(shape.headDim());
    Weight embeddings = weight(tensors.embeddings());
    List<DecoderWeights.Layer> layers = new ArrayList<>();
    for (int index = 0; index < shape.layers(); index++) {
      layers.add(layer(tensors.layer(index), shape, shape.traits().windows().of(index), rotary));
      checkpoint.release();
    }
    Weight finalNorm = weight(tensors.finalNorm());
    Weight head = shape.tied() ? embeddings : weight(tensors.head());
    checkpoint.release();
    return new DecoderWeights(embeddings, List.copyOf(layers), finalNorm, head);
  }

  private DecoderWeights.Layer layer(
      DecoderTensors.Layer tensors, DecoderShape shape, int window, RotaryEmbedding rotary) {
    AttentionSpec attention =
        new AttentionSpec(
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            (float) (1 / Math.sqrt(shape.headDim())),
            window,
            rotary,
            optional(tensors.queryNorm()),
            optional(tensors.keyNorm()),
            shape.epsilon());
    return new DecoderWeights.Layer(
        weight(tensors.attentionNorm()),
        weight(tensors.qkv()),
        optional(tensors.qkvBias()),
        attention,
        weight(tensors.output()),
        optional(tensors.outputBias()),
        weight(tensors.mlpNorm()),
        weight(tensors.gateUp()),
        optional(tensors.gateUpBias()),
        weight(tensors.down()),
        optional(tensors.downBias()));
  }

  private @Nullable Weight optional(List<TensorNeed> needs) {
    return needs.isEmpty() ? null : weight(needs);
  }

  private Weight weight(List<TensorNeed> needs) {
    Weight weight =
        backend.load(needs.stream().map(need -> checkpoint.tensor(need.name())).toList());
    loaded += needs.size();
    listener.progress(STAGE, loaded, checkpoint.tensorNames().size());
    return weight;
  }
}

package dev.serval.models.decoder.loading;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.tensors.DecoderTensors;
import dev.serval.models.decoder.tensors.MixerTensors;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerInputs;
import dev.serval.models.decoder.traits.LayerRotations;
import dev.serval.models.decoder.traits.Multipliers.Branches;
import dev.serval.models.decoder.traits.NormGains;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings a checked checkpoint's tensors onto a backend, layer after layer, and lets go of each
 * layer once it is there: no model is in memory twice.
 */
public final class DecoderLoader {
  private final DecoderShape shape;
  private final DecoderTensors tensors;
  private final CheckpointWeights weights;
  private final AttentionLoader attention;
  private final StateLoader states;
  private final FeedForwardLoader feedForward;
  private final AltUpLoader altUp;

  /**
   * Loads nothing yet.
   *
   * @param maxRows how many rows a step has at most
   */
  public DecoderLoader(
      DecoderShape shape,
      Checkpoint checkpoint,
      ComputeBackend backend,
      int maxRows,
      LoadListener listener) {
    this.shape = shape;
    tensors = new DecoderTensors(shape);
    int needed = tensors.all().mapToInt(List::size).sum();
    weights = new CheckpointWeights(checkpoint, backend, listener, needed);
    attention = new AttentionLoader(weights);
    states = new StateLoader(weights);
    feedForward = new FeedForwardLoader(weights, backend, maxRows);
    altUp = new AltUpLoader(weights, shape);
  }

  public DecoderWeights load() {
    LayerRotations rotations = LayerRotations.of(shape);
    Weight embeddings = weights.weight(tensors.embeddings());
    Weight positions = weights.optional(tensors.positions());
    DecoderWeights.Inputs inputs = tensors.inputs().map(this::inputs).orElse(null);
    DecoderWeights.AltUp streams = tensors.altUp().map(altUp::outer).orElse(null);
    List<DecoderWeights.Layer> layers = new ArrayList<>();
    for (int index = 0; index < shape.layers(); index++) {
      layers.add(layer(tensors.layer(index), index, rotations.of(index)));
      weights.release();
    }
    Norm finalNorm =
        weights.norm(
            tensors.finalNorm(),
            shape.traits().norms(),
            shape.traits().finalGains(),
            shape.residualEpsilon());
    Weight head = shape.tied() ? embeddings : weights.weight(tensors.head());
    Weight headBias = weights.optional(tensors.headBias());
    weights.release();
    return new DecoderWeights(
        embeddings, positions, inputs, streams, List.copyOf(layers), finalNorm, head, headBias);
  }

  private DecoderWeights.Layer layer(
      DecoderTensors.Layer tensors, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    Branches branches = traits.multipliers().branches();
    NormGains attentionEnd = traits.endGains(branches.attention());
    NormGains feedForwardEnd = traits.endGains(branches.feedForward());
    float residual = shape.residualEpsilon();
    return new DecoderWeights.Layer(
        weights.optionalNorm(
            tensors.attentionNorm(), traits.norms(), traits.mixerGains(), residual),
        mixer(tensors.mixer(), index, rotary),
        weights.optional(tensors.output()),
        weights.optional(tensors.outputBias()),
        weights.optionalNorm(
            tensors.attentionEndNorm(), traits.norms(), attentionEnd, shape.epsilon()),
        weights.optionalNorm(
            tensors.mlpNorm(), traits.norms(), traits.feedForwardGains(), residual),
        feedForward.feedForward(tensors.feedForward(), shape),
        weights.optionalNorm(tensors.mlpEndNorm(), traits.norms(), feedForwardEnd, shape.epsilon()),
        tensors.input().map(this::input).orElse(null),
        tensors.altUp().map(altUp::layer).orElse(null),
        tensors.scale().isEmpty() ? 1 : weights.ingredient(tensors.scale().getFirst()).element(0));
  }

  private Mixer mixer(MixerTensors tensors, int index, RotaryEmbedding rotary) {
    return switch (tensors) {
      case MixerTensors.Attention some -> attention.attention(some, shape, index, rotary);
      case MixerTensors.Latent latent -> attention.latent(latent, shape, index, rotary);
      case MixerTensors.Carrying carrying -> states.carrying(carrying, shape, index);
      case MixerTensors.Beside beside ->
          new Mixer.Beside(
              attention.attention(beside.attention(), shape, index, rotary),
              states.carrying(beside.state(), shape, index),
              weights.weight(beside.output()));
      case MixerTensors.None() -> new Mixer.None();
    };
  }

  /** Both parts of it are added by equal weights whose squares add up to 1. */
  private DecoderWeights.Inputs inputs(DecoderTensors.Inputs tensors) {
    LayerInputs inputs = shape.traits().stream().inputs().orElseThrow();
    Weight gain = weights.gains(tensors.norm(), new NormGains(false, Math.sqrt(2)));
    return new DecoderWeights.Inputs(
        weights.padded(tensors.table(), shape.vocabulary()),
        weights.weight(tensors.map()),
        new Norm.RootMeanSquare(gain, shape.epsilon()),
        (float) Math.sqrt(inputs.columns() / 2.0));
  }

  private DecoderWeights.Input input(DecoderTensors.Input tensors) {
    DecoderTraits traits = shape.traits();
    return new DecoderWeights.Input(
        weights.weight(tensors.gate()),
        weights.weight(tensors.output()),
        weights.norm(tensors.endNorm(), traits.norms(), traits.gains(), shape.epsilon()));
  }
}

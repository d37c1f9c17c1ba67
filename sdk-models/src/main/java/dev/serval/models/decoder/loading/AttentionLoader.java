package dev.serval.models.decoder.loading;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.tensors.MixerTensors;
import dev.serval.models.decoder.tensors.TensorNeed;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.HeadSizes;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Loads what attention needs of each layer. */
final class AttentionLoader {
  private final CheckpointWeights weights;

  AttentionLoader(CheckpointWeights weights) {
    this.weights = weights;
  }

  Mixer.Attention attention(
      MixerTensors.Attention tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    HeadSizes sizes = shape.sizes(index);
    boolean stores = !shape.shares(index);
    boolean bare =
        traits.headNorms() == HeadNorms.BARE_BEHIND && traits.rotaryLayers().turns(index);
    AttentionSpec spec =
        new AttentionSpec(
            sizes.heads(),
            sizes.kvHeads(),
            sizes.dim(),
            sizes.dim(),
            stores ? AttentionSpec.Inputs.ALL : AttentionSpec.Inputs.QUERIES,
            scale(shape),
            traits.softcaps().scores(),
            shape.window(index),
            rotary,
            traits.headNorms().place(),
            bare ? weights.ones(sizes.dim()) : gains(tensors.queryNorm(), traits),
            bare && stores ? weights.ones(sizes.dim()) : gains(tensors.keyNorm(), traits),
            stores && traits.heads().valueNorms() ? weights.ones(sizes.dim()) : null,
            shape.epsilon(),
            weights.optional(tensors.sinks()));
    return new Mixer.Attention(
        weights.weight(tensors.qkv()),
        weights.optional(tensors.qkvBias()),
        weights.optional(tensors.gates()),
        weights.optional(tensors.gatesBias()),
        spec,
        shape.cacheLayer(index));
  }

  private @Nullable Weight gains(List<TensorNeed> norm, DecoderTraits traits) {
    return weights.optionalGains(norm, traits.gains());
  }

  Mixer latent(MixerTensors.Latent tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    LatentTraits traits = tensors.traits();
    Weight queryGain = weights.optional(tensors.queryNorm());
    AttentionSpec spec =
        new AttentionSpec(
            shape.heads(),
            1,
            traits.keyDim(),
            traits.rank(),
            AttentionSpec.Inputs.LATENT,
            scale(shape),
            shape.traits().softcaps().scores(),
            shape.window(index),
            rotary,
            AttentionSpec.NormPlace.BEFORE_ROTATION,
            null,
            weights.weight(tensors.keyNorm()),
            null,
            shape.epsilon(),
            null);
    return new Mixer.Latent(
        weights.optional(tensors.queryInputs()),
        queryGain == null ? null : new Norm.RootMeanSquare(queryGain, shape.epsilon()),
        weights.weight(tensors.queries()),
        weights.weight(tensors.keys()),
        new HeadMaps(keyMaps(tensors), traits.turned()),
        spec,
        new HeadMaps(tensors.valueMaps().stream().map(weights::weight).toList(), 0),
        shape.kvLayersBelow(index));
  }

  /** The other way round than they would make keys. */
  private List<Weight> keyMaps(MixerTensors.Latent tensors) {
    return tensors.keyMaps().stream()
        .map(needs -> tensors.traits().apart() ? weights.weight(needs) : transposed(needs))
        .toList();
  }

  private Weight transposed(List<TensorNeed> needs) {
    List<StoredTensor> parts = needs.stream().map(weights::tensor).toList();
    return weights.loaded(needs, List.of(TransposedMatrix.of(parts)));
  }

  private static float scale(DecoderShape shape) {
    return shape
        .traits()
        .multipliers()
        .scores()
        .orElseGet(() -> 1 / Math.sqrt(shape.headDim()))
        .floatValue();
  }
}

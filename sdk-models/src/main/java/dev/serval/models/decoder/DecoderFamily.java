package dev.serval.models.decoder;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.forward.DecoderExecutor;
import dev.serval.models.decoder.loading.DecoderLoader;
import dev.serval.models.decoder.loading.DecoderWeights;
import dev.serval.models.decoder.tensors.DecoderTensors;
import dev.serval.models.decoder.tensors.TensorCheck;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.StateLayers;
import java.util.List;
import java.util.Set;

/**
 * A family of decoder-only transformers: layers of grouped-query attention with rotary positions,
 * of what carries a state along, or of both, and a feed-forward network. What a family adds are its
 * {@link #traits}.
 */
public abstract class DecoderFamily implements ModelFamily {
  private final String name;
  private final Set<String> architectures;
  private final Set<String> modelTypes;

  /**
   * Names the family.
   *
   * @param name its short name
   * @param architectures what {@code architectures} may say
   * @param modelTypes what {@code model_type} may say
   */
  public DecoderFamily(String name, Set<String> architectures, Set<String> modelTypes) {
    this.name = name;
    this.architectures = architectures;
    this.modelTypes = modelTypes;
  }

  /** Reads what sets a model of this family apart. */
  protected abstract DecoderTraits traits(ModelConfig config);

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final Set<String> architectures() {
    return architectures;
  }

  @Override
  public final ModelSpec inspect(Checkpoint checkpoint) {
    return check(checkpoint, shape(checkpoint));
  }

  @Override
  public final List<List<StoredTensor>> weights(Checkpoint checkpoint) {
    return new DecoderTensors(shape(checkpoint))
        .all()
        .map(needs -> needs.stream().map(need -> need.in(checkpoint)).toList())
        .toList();
  }

  @Override
  public final ModelExecutor load(
      Checkpoint checkpoint,
      ComputeBackend backend,
      KvMemory kv,
      StepLimits limits,
      LoadListener listener) {
    DecoderShape shape = shape(checkpoint);
    ModelSpec spec = check(checkpoint, shape);
    KvLayout layout = kv.layout();
    if (!layout.equals(spec.kvLayout(layout.blockTokens(), layout.dtype()))) {
      throw new IllegalArgumentException(
          "%s needs KV blocks of the layers %s and states of %s, unlike %s"
              .formatted(checkpoint.root(), spec.kvLayers(), spec.states(), layout));
    }
    DecoderWeights weights =
        new DecoderLoader(shape, checkpoint, backend, limits.tokens(), listener).load();
    return new DecoderExecutor(spec, shape, weights, backend, kv, limits);
  }

  private DecoderShape shape(Checkpoint checkpoint) {
    ModelConfig config = ModelConfig.of(checkpoint);
    checkArchitecture(config);
    DecoderShape shape = DecoderShape.read(config, traits(config));
    config.refuseUnread("family " + name);
    return shape;
  }

  private void checkArchitecture(ModelConfig config) {
    List<String> named = config.texts("architectures").orElse(List.of());
    if (named.stream().noneMatch(architectures::contains)) {
      throw config.refuse("architectures", "one of " + String.join(", ", architectures));
    }
    config.choice("model_type", modelTypes);
  }

  private ModelSpec check(Checkpoint checkpoint, DecoderShape shape) {
    TensorCheck tensors = new TensorCheck(checkpoint);
    tensors.check(new DecoderTensors(shape), name);
    return new ModelSpec(
        name,
        shape.vocabulary(),
        shape.contextLength(),
        shape.layers(),
        shape.layers() - shape.keeping(),
        shape.kvLayers(),
        shape.traits().states().map(StateLayers::shape).orElse(StateShape.NONE),
        shape.traits().experts().map(ExpertTraits::count).orElse(1),
        shape.traits().experts().map(experts -> experts.routing().used()).orElse(1),
        tensors.elements(),
        Bytes.of(tensors.bytes()));
  }
}

package dev.serval.models.family;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.family.DecoderTraits.Branches;
import dev.serval.models.family.DecoderWeights.Mixer;
import dev.serval.models.family.StateSpaceTraits.Factors;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
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
  private final Map<Integer, Weight> ones = new HashMap<>();
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
    Weight positions = optional(tensors.positions());
    DecoderWeights.Inputs inputs = tensors.inputs().map(all -> inputs(all, shape)).orElse(null);
    List<DecoderWeights.Layer> layers = new ArrayList<>();
    for (int index = 0; index < shape.layers(); index++) {
      layers.add(layer(tensors.layer(index), shape, index, rotations.of(index)));
      checkpoint.release();
    }
    Norm finalNorm =
        norm(
            tensors.finalNorm(),
            shape.traits(),
            shape.traits().finalGains(),
            shape.residualEpsilon());
    Weight head = shape.tied() ? embeddings : weight(tensors.head());
    Weight headBias = optional(tensors.headBias());
    checkpoint.release();
    return new DecoderWeights(
        embeddings, positions, inputs, List.copyOf(layers), finalNorm, head, headBias);
  }

  private DecoderWeights.Layer layer(
      DecoderTensors.Layer tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    Branches branches = traits.multipliers().branches();
    NormGains attentionEnd = traits.endGains(branches.attention());
    NormGains feedForwardEnd = traits.endGains(branches.feedForward());
    float residual = shape.residualEpsilon();
    return new DecoderWeights.Layer(
        optionalNorm(tensors.attentionNorm(), traits, traits.mixerGains(), residual),
        mixer(tensors.mixer(), shape, index, rotary),
        optional(tensors.output()),
        optional(tensors.outputBias()),
        optionalNorm(tensors.attentionEndNorm(), traits, attentionEnd, shape.epsilon()),
        optionalNorm(tensors.mlpNorm(), traits, traits.feedForwardGains(), residual),
        feedForward(tensors.feedForward(), shape),
        optionalNorm(tensors.mlpEndNorm(), traits, feedForwardEnd, shape.epsilon()),
        tensors.input().map(input -> input(input, shape)).orElse(null),
        tensors.scale().isEmpty() ? 1 : number(tensors.scale().getFirst()));
  }

  private Mixer mixer(MixerTensors tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    return switch (tensors) {
      case MixerTensors.Attention attention -> attention(attention, shape, index, rotary);
      case MixerTensors.Latent latent -> latent(latent, shape, index, rotary);
      case MixerTensors.Carrying carrying -> carrying(carrying, shape, index);
      case MixerTensors.Beside beside ->
          new Mixer.Beside(
              attention(beside.attention(), shape, index, rotary),
              carrying(beside.state(), shape, index),
              weight(beside.output()));
      case MixerTensors.None() -> new Mixer.None();
    };
  }

  private Mixer.Carrying carrying(MixerTensors.Carrying tensors, DecoderShape shape, int index) {
    return switch (tensors) {
      case MixerTensors.DeltaNet net -> deltaNet(net, shape, index);
      case MixerTensors.StateSpace space -> stateSpace(space, shape, index);
      case MixerTensors.ShortConvolution convolution -> shortConvolution(convolution, shape, index);
    };
  }

  /** Both parts of it are added by equal weights whose squares add up to 1. */
  private DecoderWeights.Inputs inputs(DecoderTensors.Inputs tensors, DecoderShape shape) {
    int columns = shape.traits().stream().inputs().orElseThrow();
    Weight gain = gains(tensors.norm(), new NormGains(false, Math.sqrt(2)));
    return new DecoderWeights.Inputs(
        weight(tensors.table()),
        weight(tensors.map()),
        new Norm.RootMeanSquare(gain, shape.epsilon()),
        (float) Math.sqrt(columns / 2.0));
  }

  private DecoderWeights.Input input(DecoderTensors.Input tensors, DecoderShape shape) {
    DecoderTraits traits = shape.traits();
    return new DecoderWeights.Input(
        weight(tensors.gate()),
        weight(tensors.output()),
        norm(tensors.endNorm(), traits, traits.gains(), shape.epsilon()));
  }

  /** A tensor of one element, which becomes part of what is done and no weight. */
  private float number(TensorNeed need) {
    loaded++;
    listener.progress(STAGE, loaded, needed);
    return tensor(need).element(0);
  }

  private Mixer.Attention attention(
      MixerTensors.Attention tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    HeadSizes sizes = shape.sizes(index);
    boolean stores = !shape.shares(index);
    AttentionSpec spec =
        new AttentionSpec(
            sizes.heads(),
            sizes.kvHeads(),
            sizes.dim(),
            sizes.dim(),
            stores ? AttentionSpec.Inputs.ALL : AttentionSpec.Inputs.QUERIES,
            scale(shape),
            traits.softcaps().scores(),
            traits.windows().of(index),
            rotary,
            optionalGains(tensors.queryNorm(), traits.gains()),
            optionalGains(tensors.keyNorm(), traits.gains()),
            stores && traits.heads().valueNorms() ? ones(sizes.dim()) : null,
            shape.epsilon(),
            optional(tensors.sinks()));
    return new Mixer.Attention(
        weight(tensors.qkv()),
        optional(tensors.qkvBias()),
        optional(tensors.gates()),
        optional(tensors.gatesBias()),
        spec,
        shape.cacheLayer(index));
  }

  /** Gains that change nothing, which all layers of a size share. */
  private Weight ones(int length) {
    return ones.computeIfAbsent(length, _ -> backend.load(List.of(ComputedVector.ones(length))));
  }

  private Mixer latent(
      MixerTensors.Latent tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    LatentTraits traits = tensors.traits();
    Weight queryGain = optional(tensors.queryNorm());
    AttentionSpec spec =
        new AttentionSpec(
            shape.heads(),
            1,
            traits.keyDim(),
            traits.rank(),
            AttentionSpec.Inputs.LATENT,
            scale(shape),
            shape.traits().softcaps().scores(),
            shape.traits().windows().of(index),
            rotary,
            null,
            weight(tensors.keyNorm()),
            null,
            shape.epsilon(),
            null);
    return new Mixer.Latent(
        optional(tensors.queryInputs()),
        queryGain == null ? null : new Norm.RootMeanSquare(queryGain, shape.epsilon()),
        weight(tensors.queries()),
        weight(tensors.keys()),
        new HeadMaps(keyMaps(tensors), traits.turned()),
        spec,
        new HeadMaps(tensors.valueMaps().stream().map(this::weight).toList(), 0),
        shape.kvLayersBelow(index));
  }

  /** The other way round than they would make keys. */
  private List<Weight> keyMaps(MixerTensors.Latent tensors) {
    return tensors.keyMaps().stream()
        .map(needs -> tensors.traits().apart() ? weight(needs) : transposed(needs))
        .toList();
  }

  private Weight transposed(List<TensorNeed> needs) {
    List<StoredTensor> parts = needs.stream().map(this::tensor).toList();
    return loaded(needs, List.of(TransposedMatrix.of(parts)));
  }

  private Mixer.Carrying deltaNet(MixerTensors.DeltaNet tensors, DecoderShape shape, int index) {
    DeltaNetTraits traits = tensors.traits();
    DeltaNetSpec spec =
        new DeltaNetSpec(
            traits.shape(),
            traits.tiled(),
            taps(tensors.convolution(), traits.shape().channels(), traits.shape().taps()),
            decays(tensors.decay(), traits.logarithms()),
            weight(tensors.timeBias()),
            weight(tensors.norm()),
            shape.epsilon());
    return new Mixer.DeltaNet(weight(tensors.inputs()), spec, stateAt(shape, index));
  }

  private Mixer.Carrying stateSpace(
      MixerTensors.StateSpace tensors, DecoderShape shape, int index) {
    StateSpaceTraits traits = tensors.traits();
    Factors factors = traits.factors();
    StateSpaceSpec spec =
        new StateSpaceSpec(
            traits.shape(),
            computed(
                tensors.convolution(),
                stored -> factors.taps(taps(stored, traits.shape()), traits.shape())),
            optional(tensors.convolutionBias()),
            decays(tensors.decay(), traits.logarithms()),
            weight(tensors.timeBias()),
            weight(tensors.skip()),
            optional(tensors.norm()),
            traits.normGroups(),
            shape.epsilon());
    return new Mixer.StateSpace(inputs(tensors), spec, stateAt(shape, index));
  }

  private static StoredTensor taps(StoredTensor stored, StateSpaceShape shape) {
    return ComputedVector.taps(stored, shape.channels(), shape.taps());
  }

  /** What gives time steps comes last, and may be by itself, since it is multiplied. */
  private Weight inputs(MixerTensors.StateSpace tensors) {
    Factors factors = tensors.traits().factors();
    List<TensorNeed> all = new ArrayList<>(tensors.inputs());
    all.addAll(tensors.steps());
    Stream<StoredTensor> steps = tensors.steps().stream().map(this::tensor).map(factors::steps);
    return loaded(all, Stream.concat(tensors.inputs().stream().map(this::tensor), steps).toList());
  }

  private Mixer.Carrying shortConvolution(
      MixerTensors.ShortConvolution tensors, DecoderShape shape, int index) {
    ShortConvolutionTraits traits = tensors.traits();
    Weight kernel = taps(tensors.kernel(), traits.width(), traits.taps());
    ShortConvolutionSpec spec = new ShortConvolutionSpec(traits.width(), traits.taps(), kernel);
    return new Mixer.ShortConvolution(weight(tensors.inputs()), spec, stateAt(shape, index));
  }

  private static long stateAt(DecoderShape shape, int index) {
    return shape.traits().states().orElseThrow().stateAt(index);
  }

  private DecoderWeights.FeedForward feedForward(
      DecoderTensors.FeedForward tensors, DecoderShape shape) {
    DecoderTraits traits = shape.traits();
    return switch (tensors) {
      case DecoderTensors.FeedForward.None() -> new DecoderWeights.FeedForward.None();
      case DecoderTensors.FeedForward.Dense dense ->
          new DecoderWeights.FeedForward.Dense(maps(dense));
      case DecoderTensors.FeedForward.Beside beside -> beside(beside, shape);
      case DecoderTensors.FeedForward.Sparse sparse -> sparse(sparse, traits);
    };
  }

  private DecoderWeights.FeedForward beside(
      DecoderTensors.FeedForward.Beside tensors, DecoderShape shape) {
    DecoderTraits traits = shape.traits();
    NormGains gains = traits.gains();
    Weight router = router(tensors, shape.hidden());
    Weight scales = weight(tensors.expertScales());
    return new DecoderWeights.FeedForward.Beside(
        maps(tensors.dense()),
        norm(tensors.denseEndNorm(), traits, gains, shape.epsilon()),
        norm(tensors.expertsNorm(), traits, gains, shape.epsilon()),
        backend.experts(experts(tensors.experts(), traits, router, scales), maxRows),
        norm(tensors.expertsEndNorm(), traits, gains, shape.epsilon()));
  }

  /**
   * What gives scores of a row that is normalised for experts: the stored map is of one that is
   * normalised without gains, and then multiplied by the scale over the root of the width.
   */
  private Weight router(DecoderTensors.FeedForward.Beside tensors, int hidden) {
    StoredTensor gain = tensor(tensors.expertsNorm().gain().getFirst());
    StoredTensor scale = tensor(tensors.routerScale().getFirst());
    double root = Math.sqrt(hidden);
    List<TensorNeed> needs = tensors.experts().router();
    loaded++;
    return computed(needs, stored -> ComputedVector.byColumns(stored, scale, gain, root));
  }

  private DecoderWeights.FeedForward sparse(
      DecoderTensors.FeedForward.Sparse tensors, DecoderTraits traits) {
    ExpertLayer routed =
        backend.experts(experts(tensors, traits, weight(tensors.router()), null), maxRows);
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
      DecoderTensors.FeedForward.Sparse tensors,
      DecoderTraits traits,
      Weight map,
      @Nullable Weight scales) {
    ExpertTraits.Routing routing = traits.experts().orElseThrow().routing();
    RouterSpec router =
        new RouterSpec(
            map,
            optional(tensors.routerBias()),
            routing.scoring(),
            optional(tensors.selectionBias()),
            scales,
            routing.groups().orElse(null),
            routing.used(),
            routing.normalised(),
            (float) (routing.factor() * traits.feedForwardFactor()));
    return new ExpertSpec(
        router, tensors.experts().stream().map(this::maps).toList(), traits.activation());
  }

  /** An expert that all rows go to, by the logistic function of a product. */
  private ExpertSpec gated(FeedForwardMaps expert, List<TensorNeed> gate, DecoderTraits traits) {
    RouterSpec router =
        new RouterSpec(
            weight(gate),
            null,
            RouterSpec.Scoring.SIGMOID,
            null,
            1,
            false,
            traits.feedForwardFactor());
    return new ExpertSpec(router, List.of(expert), traits.activation());
  }

  private FeedForwardMaps maps(DecoderTensors.FeedForward.Dense maps) {
    return new FeedForwardMaps(
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

  private @Nullable Norm optionalNorm(
      DecoderTensors.Norm tensors, DecoderTraits traits, NormGains gains, float epsilon) {
    return tensors.gain().isEmpty() ? null : norm(tensors, traits, gains, epsilon);
  }

  private Norm norm(
      DecoderTensors.Norm tensors, DecoderTraits traits, NormGains gains, float epsilon) {
    Weight gain = gains(tensors.gain(), gains);
    if (!traits.norms().centred()) {
      return new Norm.RootMeanSquare(gain, epsilon);
    }
    NormGains whole = new NormGains(false, gains.divisor());
    return new Norm.Layer(gain, optionalGains(tensors.bias(), whole), epsilon);
  }

  private @Nullable Weight optionalGains(List<TensorNeed> needs, NormGains gains) {
    return needs.isEmpty() ? null : gains(needs, gains);
  }

  private Weight gains(List<TensorNeed> needs, NormGains gains) {
    return computed(needs, gains::of);
  }

  private Weight taps(List<TensorNeed> needs, int channels, int taps) {
    return computed(needs, stored -> ComputedVector.taps(stored, channels, taps));
  }

  private Weight decays(List<TensorNeed> needs, boolean logarithms) {
    return computed(needs, stored -> ComputedVector.decays(stored, logarithms));
  }

  private Weight computed(List<TensorNeed> needs, UnaryOperator<StoredTensor> stored) {
    return loaded(needs, needs.stream().map(this::tensor).map(stored).toList());
  }

  private @Nullable Weight optional(List<TensorNeed> needs) {
    return needs.isEmpty() ? null : weight(needs);
  }

  private Weight weight(List<TensorNeed> needs) {
    return loaded(needs, needs.stream().map(this::tensor).toList());
  }

  private StoredTensor tensor(TensorNeed need) {
    StoredTensor stored = need.in(checkpoint);
    return need.reading() == TensorNeed.Reading.BY_COLUMN
        ? TransposedMatrix.of(List.of(stored.reshaped(need.shape())))
        : stored;
  }

  private Weight loaded(List<TensorNeed> needs, List<StoredTensor> tensors) {
    Weight weight = backend.load(tensors);
    loaded += needs.size();
    listener.progress(STAGE, loaded, needed);
    return weight;
  }
}

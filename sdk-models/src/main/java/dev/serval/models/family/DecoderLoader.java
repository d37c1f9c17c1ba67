package dev.serval.models.family;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.family.DecoderWeights.Mixer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
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
    return new DecoderWeights(embeddings, List.copyOf(layers), finalNorm, head, headBias);
  }

  private DecoderWeights.Layer layer(
      DecoderTensors.Layer tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    NormGains gains = traits.gains();
    NormGains ends = traits.endGains();
    return new DecoderWeights.Layer(
        optionalNorm(tensors.attentionNorm(), traits, gains, shape.residualEpsilon()),
        switch (tensors.mixer()) {
          case MixerTensors.Attention attention -> attention(attention, shape, index, rotary);
          case MixerTensors.None() -> new Mixer.None();
          case MixerTensors.DeltaNet net -> deltaNet(net, shape, index);
          case MixerTensors.StateSpace space -> stateSpace(space, shape, index);
          case MixerTensors.ShortConvolution convolution ->
              shortConvolution(convolution, shape, index);
        },
        optional(tensors.output()),
        optional(tensors.outputBias()),
        optionalNorm(tensors.attentionEndNorm(), traits, ends, shape.epsilon()),
        optionalNorm(tensors.mlpNorm(), traits, gains, shape.residualEpsilon()),
        feedForward(tensors.feedForward(), traits),
        optionalNorm(tensors.mlpEndNorm(), traits, ends, shape.epsilon()));
  }

  private Mixer attention(
      MixerTensors.Attention tensors, DecoderShape shape, int index, RotaryEmbedding rotary) {
    DecoderTraits traits = shape.traits();
    AttentionSpec spec =
        new AttentionSpec(
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            scale(shape),
            traits.softcaps().scores(),
            traits.windows().of(index),
            rotary,
            optionalGains(tensors.queryNorm(), traits.gains()),
            optionalGains(tensors.keyNorm(), traits.gains()),
            shape.epsilon(),
            optional(tensors.sinks()));
    return new Mixer.Attention(
        weight(tensors.qkv()),
        optional(tensors.qkvBias()),
        optional(tensors.gates()),
        optional(tensors.gatesBias()),
        spec,
        shape.kvLayersBelow(index));
  }

  private Mixer deltaNet(MixerTensors.DeltaNet tensors, DecoderShape shape, int index) {
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

  private Mixer stateSpace(MixerTensors.StateSpace tensors, DecoderShape shape, int index) {
    StateSpaceTraits traits = tensors.traits();
    StateSpaceSpec spec =
        new StateSpaceSpec(
            traits.shape(),
            taps(tensors.convolution(), traits.shape().channels(), traits.shape().taps()),
            optional(tensors.convolutionBias()),
            decays(tensors.decay(), traits.logarithms()),
            weight(tensors.timeBias()),
            weight(tensors.skip()),
            weight(tensors.norm()),
            traits.normGroups(),
            shape.epsilon());
    return new Mixer.StateSpace(weight(tensors.inputs()), spec, stateAt(shape, index));
  }

  private Mixer shortConvolution(
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
      DecoderTensors.FeedForward tensors, DecoderTraits traits) {
    return switch (tensors) {
      case DecoderTensors.FeedForward.None() -> new DecoderWeights.FeedForward.None();
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
    FeedForwardMaps shared = maps(tensors.shared().get());
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
        router, tensors.experts().stream().map(this::maps).toList(), gating(traits));
  }

  /** An expert that all rows go to, by the logistic function of a product. */
  private ExpertSpec gated(FeedForwardMaps expert, List<TensorNeed> gate, DecoderTraits traits) {
    RouterSpec router =
        new RouterSpec(
            weight(gate), null, RouterSpec.Scoring.SIGMOID, null, 1, false, traits.branchFactor());
    return new ExpertSpec(router, List.of(expert), gating(traits));
  }

  private static GateFunction gating(DecoderTraits traits) {
    return switch (traits.activation()) {
      case GateFunction function -> function;
      case UngatedFunction function ->
          throw new IllegalStateException("experts without gates, but " + function);
    };
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
    return need.in(checkpoint);
  }

  private Weight loaded(List<TensorNeed> needs, List<StoredTensor> tensors) {
    Weight weight = backend.load(tensors);
    loaded += needs.size();
    listener.progress(STAGE, loaded, needed);
    return weight;
  }
}

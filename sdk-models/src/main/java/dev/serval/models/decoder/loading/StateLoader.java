package dev.serval.models.decoder.loading;

import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.tensors.MixerTensors;
import dev.serval.models.decoder.tensors.TensorNeed;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DeltaNetTraits;
import dev.serval.models.decoder.traits.ShortConvolutionTraits;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import dev.serval.models.decoder.traits.StateSpaceTraits.Factors;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Loads what layers need that carry a state along. */
final class StateLoader {
  private final CheckpointWeights weights;

  StateLoader(CheckpointWeights weights) {
    this.weights = weights;
  }

  Mixer.Carrying carrying(MixerTensors.Carrying tensors, DecoderShape shape, int index) {
    return switch (tensors) {
      case MixerTensors.DeltaNet net -> deltaNet(net, shape, index);
      case MixerTensors.StateSpace space -> stateSpace(space, shape, index);
      case MixerTensors.ShortConvolution convolution -> shortConvolution(convolution, shape, index);
    };
  }

  private Mixer.Carrying deltaNet(MixerTensors.DeltaNet tensors, DecoderShape shape, int index) {
    DeltaNetTraits traits = tensors.traits();
    DeltaNetSpec spec =
        new DeltaNetSpec(
            traits.shape(),
            traits.tiled(),
            taps(tensors.convolution(), traits.shape().channels(), traits.shape().taps()),
            decays(tensors.decay(), traits.logarithms()),
            weights.weight(tensors.timeBias()),
            weights.weight(tensors.norm()),
            shape.epsilon());
    return new Mixer.DeltaNet(weights.weight(tensors.inputs()), spec, state(shape, index));
  }

  private Mixer.Carrying stateSpace(
      MixerTensors.StateSpace tensors, DecoderShape shape, int index) {
    StateSpaceTraits traits = tensors.traits();
    StateSpaceSpec spec =
        new StateSpaceSpec(
            traits.shape(),
            weights.computed(tensors.convolution(), stored -> taps(stored, traits)),
            weights.optional(tensors.convolutionBias()),
            decays(tensors.decay(), traits.logarithms()),
            weights.weight(tensors.timeBias()),
            weights.weight(tensors.skip()),
            weights.optional(tensors.norm()),
            traits.normGroups(),
            shape.epsilon());
    return new Mixer.StateSpace(inputs(tensors), spec, state(shape, index));
  }

  /** By which channels are multiplied besides. */
  private static StoredTensor taps(StoredTensor stored, StateSpaceTraits traits) {
    StateSpaceShape shape = traits.shape();
    StoredTensor taps = ComputedVector.taps(stored, shape.channels(), shape.taps());
    Factors factors = traits.factors();
    return factors.equals(Factors.NONE)
        ? taps
        : ComputedVector.of(
            taps, i -> taps.element(i) * factors.ofChannel(i % shape.channels(), shape));
  }

  /** What gives time steps comes last, and may be by itself, since it is multiplied. */
  private Weight inputs(MixerTensors.StateSpace tensors) {
    double factor = tensors.traits().factors().steps();
    List<TensorNeed> all = new ArrayList<>(tensors.inputs());
    all.addAll(tensors.steps());
    Stream<StoredTensor> steps =
        tensors.steps().stream().map(weights::tensor).map(rows -> times(rows, factor));
    return weights.loaded(
        all, Stream.concat(tensors.inputs().stream().map(weights::tensor), steps).toList());
  }

  private static StoredTensor times(StoredTensor rows, double factor) {
    return ComputedVector.of(rows, i -> rows.element(i) * factor);
  }

  private Mixer.Carrying shortConvolution(
      MixerTensors.ShortConvolution tensors, DecoderShape shape, int index) {
    ShortConvolutionTraits traits = tensors.traits();
    Weight kernel = taps(tensors.kernel(), traits.width(), traits.taps());
    ShortConvolutionSpec spec = new ShortConvolutionSpec(traits.width(), traits.taps(), kernel);
    return new Mixer.ShortConvolution(weights.weight(tensors.inputs()), spec, state(shape, index));
  }

  private static int state(DecoderShape shape, int index) {
    return shape.traits().states().orElseThrow().below(index);
  }

  private Weight taps(List<TensorNeed> needs, int channels, int taps) {
    return weights.computed(needs, stored -> ComputedVector.taps(stored, channels, taps));
  }

  private Weight decays(List<TensorNeed> needs, boolean logarithms) {
    return weights.computed(needs, stored -> ComputedVector.decays(stored, logarithms));
  }
}

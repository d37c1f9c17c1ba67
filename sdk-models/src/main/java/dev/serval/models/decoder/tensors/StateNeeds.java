package dev.serval.models.decoder.tensors;

import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.models.decoder.traits.DeltaNetTraits;
import dev.serval.models.decoder.traits.DeltaNetTraits.Inputs;
import dev.serval.models.decoder.traits.HeadSizes;
import dev.serval.models.decoder.traits.ShortConvolutionTraits;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import dev.serval.models.decoder.traits.StateTraits;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Which tensors a layer needs that carries a state along. */
final class StateNeeds {
  private StateNeeds() {}

  /** Those of a layer whose tensors' names begin so. */
  static MixerTensors.Carrying of(StateTraits traits, int hidden, String layer) {
    return switch (traits) {
      case DeltaNetTraits net -> deltaNet(net, hidden, layer);
      case StateSpaceTraits space -> stateSpace(space, hidden, layer);
      case ShortConvolutionTraits convolution -> shortConvolution(convolution, hidden, layer);
    };
  }

  /** What a gated delta network needs. */
  private static MixerTensors.DeltaNet deltaNet(DeltaNetTraits traits, int hidden, String layer) {
    String linear = layer + "linear_attn.";
    DeltaNetShape shape = traits.shape();
    List<LinearNeed> inputs = new ArrayList<>();
    if (traits.inputs() == Inputs.TOGETHER) {
      inputs.addAll(byKeyHead(shape, hidden, linear + "in_proj_qkvz"));
    } else {
      inputs.add(new LinearNeed(linear + "in_proj_qkv", shape.channels(), hidden));
      inputs.add(new LinearNeed(linear + "in_proj_z", shape.valueColumns(), hidden));
    }
    if (traits.inputs() == Inputs.APART) {
      inputs.add(new LinearNeed(linear + "in_proj_b", shape.valueHeads(), hidden));
      inputs.add(new LinearNeed(linear + "in_proj_a", shape.valueHeads(), hidden));
    } else {
      inputs.addAll(pairs(shape, hidden, linear + "in_proj_ba", 0));
      inputs.addAll(pairs(shape, hidden, linear + "in_proj_ba", 1));
    }
    return new MixerTensors.DeltaNet(
        traits,
        LinearNeed.weights(inputs),
        List.of(TensorNeed.flat(linear + "conv1d.weight", shape.channels(), shape.taps())),
        List.of(TensorNeed.vector(linear + "A_log", shape.valueHeads())),
        List.of(TensorNeed.vector(linear + "dt_bias", shape.valueHeads())),
        List.of(TensorNeed.vector(linear + "norm.weight", shape.valueDim())));
  }

  /** What a state space needs. */
  private static MixerTensors.StateSpace stateSpace(
      StateSpaceTraits traits, int hidden, String layer) {
    String mamba = layer + "mamba.";
    StateSpaceShape shape = traits.shape();
    int together = shape.inputColumns() - shape.heads();
    boolean apart = traits.factors().steps() != 1;
    int rows = apart ? HeadSizes.commonDivisor(together, shape.heads()) : shape.inputColumns();
    int parts = shape.inputColumns() / rows;
    int first = apart ? together / rows : parts;
    String inputs = mamba + "in_proj";
    return new MixerTensors.StateSpace(
        traits,
        LinearNeed.weights(LinearNeed.some(inputs, rows, hidden, parts, IntStream.range(0, first))),
        LinearNeed.weights(
            LinearNeed.some(inputs, rows, hidden, parts, IntStream.range(first, parts))),
        List.of(TensorNeed.flat(mamba + "conv1d.weight", shape.channels(), shape.taps())),
        traits.convolutionBias()
            ? List.of(TensorNeed.vector(mamba + "conv1d.bias", shape.channels()))
            : List.of(),
        List.of(TensorNeed.vector(mamba + "A_log", shape.heads())),
        List.of(TensorNeed.vector(mamba + "dt_bias", shape.heads())),
        List.of(TensorNeed.vector(mamba + "D", shape.heads())),
        traits.normed() ? List.of(norm(mamba + "norm.weight", traits)) : List.of());
  }

  /** As many rows as a row has parts that are normalised by themselves, or one. */
  private static TensorNeed norm(String name, StateSpaceTraits traits) {
    int groups = traits.normGroups();
    return TensorNeed.flat(name, groups, traits.shape().inner() / groups);
  }

  /** What a short convolution needs. */
  private static MixerTensors.ShortConvolution shortConvolution(
      ShortConvolutionTraits traits, int hidden, String layer) {
    String conv = layer + "conv.";
    return new MixerTensors.ShortConvolution(
        traits,
        LinearNeed.weights(new LinearNeed(conv + "in_proj", traits.inputColumns(), hidden)),
        List.of(TensorNeed.flat(conv + "conv.weight", traits.width(), traits.taps())));
  }

  /** Each key head's strengths, which come first in its part of the map, or its decays. */
  private static List<LinearNeed> pairs(DeltaNetShape shape, int hidden, String name, int which) {
    IntStream parts = IntStream.range(0, shape.keyHeads()).map(head -> 2 * head + which);
    int rows = shape.valueHeads() / shape.keyHeads();
    return LinearNeed.some(name, rows, hidden, 2 * shape.keyHeads(), parts);
  }

  /** All queries, then all keys, values and gates, which a key head has one behind the other. */
  private static List<LinearNeed> byKeyHead(DeltaNetShape shape, int hidden, String name) {
    int values = shape.valueColumns() / shape.keyHeads();
    int rows = HeadSizes.commonDivisor(shape.keyDim(), values);
    int ofHead = 2 * (shape.keyDim() + values) / rows;
    int[] lengths = {shape.keyDim() / rows, shape.keyDim() / rows, values / rows, values / rows};
    List<LinearNeed> all = new ArrayList<>();
    int begin = 0;
    for (int length : lengths) {
      for (int head = 0; head < shape.keyHeads(); head++) {
        int first = head * ofHead + begin;
        IntStream parts = IntStream.range(first, first + length);
        all.addAll(LinearNeed.some(name, rows, hidden, ofHead * shape.keyHeads(), parts));
      }
      begin += length;
    }
    return all;
  }
}

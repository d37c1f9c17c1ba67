package dev.serval.models.family;

import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.models.family.DeltaNetTraits.Inputs;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What a layer needs to mix what tokens have, but for the map that this ends with. */
sealed interface MixerTensors {
  Stream<List<TensorNeed>> all();

  /**
   * Attention.
   *
   * @param gates what its output is let through by, if by anything
   */
  record Attention(
      List<TensorNeed> qkv,
      List<TensorNeed> qkvBias,
      List<TensorNeed> gates,
      List<TensorNeed> gatesBias,
      List<TensorNeed> queryNorm,
      List<TensorNeed> keyNorm,
      List<TensorNeed> sinks)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(qkv, qkvBias, gates, gatesBias, queryNorm, keyNorm, sinks);
    }
  }

  /**
   * Latent attention.
   *
   * @param queryInputs the map that gives what queries are made of, if that is not a row itself
   * @param queryNorm the norm of it
   * @param keys the map that gives what is kept, and what positions turn of it
   * @param keyMaps for each head what would make its key of that
   * @param valueMaps for each head what makes its value of it
   */
  record Latent(
      LatentTraits traits,
      List<TensorNeed> queryInputs,
      List<TensorNeed> queryNorm,
      List<TensorNeed> queries,
      List<TensorNeed> keys,
      List<TensorNeed> keyNorm,
      List<List<TensorNeed>> keyMaps,
      List<List<TensorNeed>> valueMaps)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.concat(
          Stream.of(queryInputs, queryNorm, queries, keys, keyNorm),
          Stream.concat(keyMaps.stream(), valueMaps.stream()));
    }
  }

  /** What carries a state along. */
  sealed interface Carrying extends MixerTensors {}

  /**
   * Attention, and what carries a state along beside it.
   *
   * @param output the map that the latter ends with
   */
  record Beside(Attention attention, Carrying state, List<TensorNeed> output)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(attention.all(), state.all(), Stream.of(output))
          .flatMap(Function.identity());
    }
  }

  /** A gated delta network. */
  record DeltaNet(
      DeltaNetTraits traits,
      List<TensorNeed> inputs,
      List<TensorNeed> convolution,
      List<TensorNeed> decay,
      List<TensorNeed> timeBias,
      List<TensorNeed> norm)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, convolution, decay, timeBias, norm);
    }
  }

  /**
   * A state space.
   *
   * @param steps what gives time steps, if {@code inputs} do not
   */
  record StateSpace(
      StateSpaceTraits traits,
      List<TensorNeed> inputs,
      List<TensorNeed> steps,
      List<TensorNeed> convolution,
      List<TensorNeed> convolutionBias,
      List<TensorNeed> decay,
      List<TensorNeed> timeBias,
      List<TensorNeed> skip,
      List<TensorNeed> norm)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, steps, convolution, convolutionBias, decay, timeBias, skip, norm);
    }
  }

  /** A short convolution. */
  record ShortConvolution(
      ShortConvolutionTraits traits, List<TensorNeed> inputs, List<TensorNeed> kernel)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, kernel);
    }
  }

  /** Nothing: the layer is a feed-forward layer alone. */
  record None() implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of();
    }
  }

  /** What attention needs of a layer whose tensors' names begin so. */
  static Attention attention(DecoderShape shape, int index, String layer) {
    String attention = layer + "self_attn.";
    HeadSizes sizes = shape.sizes(index);
    DecoderTraits traits = shape.traits();
    List<LinearNeed> inputs = new ArrayList<>();
    List<LinearNeed> gates = new ArrayList<>();
    String together = layer + traits.names().inputs();
    switch (traits.inputs()) {
      case TOGETHER -> {
        int columns = sizes.queryColumns() + 2 * sizes.keyColumns();
        inputs.add(new LinearNeed(together, columns, shape.hidden(), traits.byInput()));
      }
      case BY_GROUP -> inputs.addAll(byGroup(sizes, shape.hidden(), together));
      case APART -> {
        queries(shape, sizes, attention + "q_proj", inputs, gates);
        if (!shape.shares(index)) {
          String values = sizes.valuesOfKeys() ? "k_proj" : "v_proj";
          inputs.add(new LinearNeed(attention + "k_proj", sizes.keyColumns(), shape.hidden()));
          inputs.add(new LinearNeed(attention + values, sizes.keyColumns(), shape.hidden()));
        }
      }
    }
    boolean bias = traits.inputBias();
    return new Attention(
        LinearNeed.weights(inputs),
        bias ? LinearNeed.biases(inputs) : List.of(),
        LinearNeed.weights(gates),
        bias ? LinearNeed.biases(gates) : List.of(),
        headNorm(shape, sizes, layer + traits.names().queryNorm(), sizes.queryColumns()),
        shape.shares(index)
            ? List.of()
            : headNorm(shape, sizes, layer + traits.names().keyNorm(), sizes.keyColumns()),
        traits.sinks()
            ? List.of(TensorNeed.vector(attention + "sinks", shape.heads()))
            : List.of());
  }

  /** All queries, then all keys and all values, which a key head has one behind the other. */
  private static List<LinearNeed> byGroup(HeadSizes sizes, int hidden, String name) {
    int queries = sizes.heads() / sizes.kvHeads();
    int ofGroup = queries + 2;
    IntStream heads =
        IntStream.range(0, sizes.heads()).map(head -> head / queries * ofGroup + head % queries);
    IntStream groups = IntStream.range(0, sizes.kvHeads()).map(group -> group * ofGroup + queries);
    IntStream values = IntStream.range(0, sizes.kvHeads()).map(group -> (group + 1) * ofGroup - 1);
    IntStream parts = IntStream.concat(heads, IntStream.concat(groups, values));
    return LinearNeed.some(name, sizes.dim(), hidden, ofGroup * sizes.kvHeads(), parts);
  }

  /** Behind each head's query may be its gate. */
  private static void queries(
      DecoderShape shape,
      HeadSizes sizes,
      String name,
      List<LinearNeed> inputs,
      List<LinearNeed> gates) {
    if (!shape.traits().outputGates()) {
      inputs.add(new LinearNeed(name, sizes.queryColumns(), shape.hidden()));
      return;
    }
    int parts = 2 * sizes.heads();
    for (int part = 0; part < parts; part++) {
      (part % 2 == 0 ? inputs : gates)
          .add(new LinearNeed(name, sizes.dim(), shape.hidden(), part, parts));
    }
  }

  private static List<TensorNeed> headNorm(
      DecoderShape shape, HeadSizes sizes, String name, int columns) {
    return switch (shape.traits().headNorms()) {
      case NONE -> List.of();
      case EACH -> List.of(TensorNeed.vector(name + ".weight", sizes.dim()));
      case TOGETHER -> List.of(TensorNeed.vector(name + ".weight", columns));
    };
  }

  /** What a gated delta network needs of a layer whose tensors' names begin so. */
  static DeltaNet deltaNet(DeltaNetTraits traits, int hidden, String layer) {
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
    return new DeltaNet(
        traits,
        LinearNeed.weights(inputs),
        List.of(TensorNeed.flat(linear + "conv1d.weight", shape.channels(), shape.taps())),
        List.of(TensorNeed.vector(linear + "A_log", shape.valueHeads())),
        List.of(TensorNeed.vector(linear + "dt_bias", shape.valueHeads())),
        List.of(TensorNeed.vector(linear + "norm.weight", shape.valueDim())));
  }

  /** What a state space needs of a layer whose tensors' names begin so. */
  static StateSpace stateSpace(StateSpaceTraits traits, int hidden, String layer) {
    String mamba = layer + "mamba.";
    StateSpaceShape shape = traits.shape();
    int together = shape.inputColumns() - shape.heads();
    boolean apart = traits.factors().steps() != 1;
    int rows = apart ? LinearNeed.commonDivisor(together, shape.heads()) : shape.inputColumns();
    int parts = shape.inputColumns() / rows;
    int first = apart ? together / rows : parts;
    String inputs = mamba + "in_proj";
    return new StateSpace(
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

  /** What a short convolution needs of a layer whose tensors' names begin so. */
  static ShortConvolution shortConvolution(
      ShortConvolutionTraits traits, int hidden, String layer) {
    String conv = layer + "conv.";
    return new ShortConvolution(
        traits,
        LinearNeed.weights(
            List.of(new LinearNeed(conv + "in_proj", traits.inputColumns(), hidden))),
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
    int rows = LinearNeed.commonDivisor(shape.keyDim(), values);
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

package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadSizes;
import dev.serval.models.decoder.traits.OutputGates;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Which tensors attention needs. */
final class AttentionNeeds {
  private AttentionNeeds() {}

  /** Those of a layer whose tensors' names begin so. */
  static MixerTensors.Attention of(DecoderShape shape, int index, String layer) {
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
    if (traits.outputGates() == OutputGates.APART) {
      gates.add(new LinearNeed(attention + "gate_proj", sizes.queryColumns(), shape.hidden()));
    }
    boolean bias = traits.inputBias();
    return new MixerTensors.Attention(
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
    if (shape.traits().outputGates() != OutputGates.BEHIND_QUERIES) {
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
      case NONE, BARE_BEHIND -> List.of();
      case EACH, EACH_BEHIND -> List.of(TensorNeed.vector(name + ".weight", sizes.dim()));
      case TOGETHER -> List.of(TensorNeed.vector(name + ".weight", columns));
    };
  }
}

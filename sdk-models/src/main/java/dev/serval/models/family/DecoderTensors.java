package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.family.DecoderTraits.BranchNorms;
import dev.serval.models.family.DecoderTraits.LayerPart;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which tensors a decoder-only transformer needs, by their Hugging Face names. A list of several is
 * stacked into one weight; an empty one stands for a weight that the model does not have.
 *
 * @param shape the model
 */
record DecoderTensors(DecoderShape shape) {
  /** What one layer needs. */
  record Layer(
      Norm attentionNorm,
      MixerTensors mixer,
      List<TensorNeed> output,
      List<TensorNeed> outputBias,
      Norm attentionEndNorm,
      Norm mlpNorm,
      FeedForward feedForward,
      Norm mlpEndNorm,
      Optional<Input> input,
      List<TensorNeed> scale) {
    Stream<List<TensorNeed>> all() {
      return Stream.of(
              Stream.of(attentionNorm, attentionEndNorm, mlpNorm, mlpEndNorm).flatMap(Norm::all),
              mixer.all(),
              Stream.of(output, outputBias),
              feedForward.all(),
              input.stream().flatMap(Input::all),
              Stream.of(scale))
          .flatMap(Function.identity());
    }
  }

  /** What a layer needs to take its own input of each token. */
  record Input(List<TensorNeed> gate, List<TensorNeed> output, Norm endNorm) {
    Stream<List<TensorNeed>> all() {
      return Stream.concat(Stream.of(gate, output), endNorm.all());
    }
  }

  /** What makes the inputs of all layers. */
  record Inputs(List<TensorNeed> table, List<TensorNeed> map, List<TensorNeed> norm) {
    Stream<List<TensorNeed>> all() {
      return Stream.of(table, map, norm);
    }
  }

  /** What a norm of rows needs: nothing if there is none. */
  record Norm(List<TensorNeed> gain, List<TensorNeed> bias) {
    private static final Norm NONE = new Norm(List.of(), List.of());

    Stream<List<TensorNeed>> all() {
      return Stream.of(gain, bias);
    }
  }

  /** What a layer's part behind attention needs. */
  sealed interface FeedForward {
    Stream<List<TensorNeed>> all();

    /** The same for all rows. */
    record Dense(
        List<TensorNeed> gateUp,
        List<TensorNeed> gateUpBias,
        List<TensorNeed> down,
        List<TensorNeed> downBias)
        implements FeedForward {
      @Override
      public Stream<List<TensorNeed>> all() {
        return Stream.of(gateUp, gateUpBias, down, downBias);
      }
    }

    /** Nothing: the layer mixes tokens alone. */
    record None() implements FeedForward {
      @Override
      public Stream<List<TensorNeed>> all() {
        return Stream.of();
      }
    }

    /**
     * Experts beside a dense part, each with norms of its own; experts get their scores of another
     * norm of the row, the products' by columns.
     */
    record Beside(
        Dense dense,
        Norm denseEndNorm,
        Norm expertsNorm,
        Sparse experts,
        List<TensorNeed> routerScale,
        List<TensorNeed> expertScales,
        Norm expertsEndNorm)
        implements FeedForward {
      @Override
      public Stream<List<TensorNeed>> all() {
        return Stream.of(
                dense.all(),
                experts.all(),
                denseEndNorm.all(),
                expertsNorm.all(),
                expertsEndNorm.all(),
                Stream.of(routerScale, expertScales))
            .flatMap(Function.identity());
      }
    }

    /**
     * Several experts, each of which is what a layer of one would be.
     *
     * @param shared what all rows go to beside them
     * @param sharedGate what gives that its share
     */
    record Sparse(
        List<TensorNeed> router,
        List<TensorNeed> routerBias,
        List<TensorNeed> selectionBias,
        List<Dense> experts,
        Optional<Dense> shared,
        List<TensorNeed> sharedGate)
        implements FeedForward {
      @Override
      public Stream<List<TensorNeed>> all() {
        return Stream.concat(
            Stream.of(router, routerBias, selectionBias, sharedGate),
            Stream.concat(experts.stream(), shared.stream()).flatMap(Dense::all));
      }
    }
  }

  /**
   * All weights, those of the layers between the embeddings and the last norm: one after the other,
   * since a configuration may claim any number of layers.
   */
  Stream<List<TensorNeed>> all() {
    return Stream.of(
            Stream.of(embeddings(), positions()),
            inputs().stream().flatMap(Inputs::all),
            IntStream.range(0, shape.layers()).boxed().flatMap(index -> layer(index).all()),
            finalNorm().all(),
            Stream.of(head(), headBias()))
        .flatMap(Function.identity())
        .filter(needs -> !needs.isEmpty());
  }

  List<TensorNeed> embeddings() {
    String table = outer().embeddings() + ".weight";
    return List.of(TensorNeed.matrix(table, shape.vocabulary(), shape.hidden()));
  }

  /** Empty if positions have no embeddings. */
  List<TensorNeed> positions() {
    return shape
        .traits()
        .positions()
        .map(table ->
            List.of(TensorNeed.matrix(table + ".weight", shape.contextLength(), shape.hidden())))
        .orElse(List.of());
  }

  private DecoderTraits.OuterNames outer() {
    return shape.traits().names().outer();
  }

  /** Those of all layers lie one behind the other. */
  Optional<Inputs> inputs() {
    OptionalInt columns = shape.traits().stream().inputs();
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    int all = shape.layers() * columns.getAsInt();
    return Optional.of(
        new Inputs(
            List.of(
                TensorNeed.matrix("model.embed_tokens_per_layer.weight", shape.vocabulary(), all)),
            weights(new LinearNeed("model.per_layer_model_projection", all, shape.hidden())),
            vector("model.per_layer_projection_norm.weight", columns.getAsInt())));
  }

  private Optional<Input> input(String layer) {
    OptionalInt columns = shape.traits().stream().inputs();
    if (columns.isEmpty()) {
      return Optional.empty();
    }
    int inner = columns.getAsInt();
    return Optional.of(
        new Input(
            weights(new LinearNeed(layer + "per_layer_input_gate", inner, shape.hidden())),
            weights(new LinearNeed(layer + "per_layer_projection", shape.hidden(), inner)),
            norm(layer + "post_per_layer_input_norm")));
  }

  Norm finalNorm() {
    return norm(shape.traits().names().finalNorm());
  }

  /** Empty if the embedding table is also the head. */
  List<TensorNeed> head() {
    return shape.tied() ? List.of() : weights(headMap());
  }

  List<TensorNeed> headBias() {
    return shape.traits().headBias() ? biases(headMap()) : List.of();
  }

  private LinearNeed headMap() {
    return new LinearNeed(outer().head(), shape.vocabulary(), shape.hidden());
  }

  Layer layer(int index) {
    String layer = outer().layers() + index + ".";
    BranchNorms norms = shape.traits().branchNorms();
    if (!shape.has(LayerPart.MIXER, index)) {
      Norm start = norm(layer, norms.start().map(BranchNorms.Names::attention));
      return layer(layer, index, Mixing.NONE, start);
    }
    Norm start =
        norms.one() || !shape.has(LayerPart.FEED_FORWARD, index)
            ? Norm.NONE
            : norm(layer, norms.start().map(BranchNorms.Names::feedForward));
    return layer(layer, index, mixing(layer, index), start);
  }

  private Layer layer(String layer, int index, Mixing mixing, Norm feedForwardNorm) {
    BranchNorms norms = shape.traits().branchNorms();
    return new Layer(
        mixing.norm,
        mixing.mixer,
        mixing.output,
        mixing.outputBias,
        mixing.endNorm,
        feedForwardNorm,
        feedForward(layer, index),
        norm(layer, norms.end().map(BranchNorms.Names::feedForward)),
        input(layer),
        shape.traits().stream().scales()
            ? byElement(vector(layer + "layer_scalar", 1))
            : List.of());
  }

  /** The part of a layer that mixes tokens. */
  private record Mixing(
      Norm norm,
      MixerTensors mixer,
      List<TensorNeed> output,
      List<TensorNeed> outputBias,
      Norm endNorm) {
    static final Mixing NONE =
        new Mixing(Norm.NONE, new MixerTensors.None(), List.of(), List.of(), Norm.NONE);
  }

  private Mixing mixing(String layer, int index) {
    DecoderTraits traits = shape.traits();
    BranchNorms norms = traits.branchNorms();
    boolean attends = shape.attends(index);
    List<LinearNeed> output =
        List.of(
            attends
                ? output(layer, traits.names().output(), shape.attentionOutputs(index))
                : output(layer, shape.state(index).orElseThrow()));
    return new Mixing(
        norm(layer, norms.start().map(BranchNorms.Names::attention)),
        mixer(layer, index),
        LinearNeed.weights(output),
        traits.outputBias() && attends ? LinearNeed.biases(output) : List.of(),
        norm(layer, norms.end().map(BranchNorms.Names::attention)));
  }

  private MixerTensors mixer(String layer, int index) {
    Optional<StateTraits> state = shape.state(index);
    Optional<MixerTensors.Carrying> carrying = state.map(one -> one.tensors(shape.hidden(), layer));
    if (carrying.isPresent() && shape.attends(index)) {
      return new MixerTensors.Beside(
          MixerTensors.attention(shape, index, layer),
          carrying.get(),
          weights(output(layer, state.get())));
    }
    return carrying
        .<MixerTensors>map(Function.identity())
        .or(() -> shape.traits().latent().map(latent -> latent.tensors(shape, layer)))
        .orElseGet(() -> MixerTensors.attention(shape, index, layer));
  }

  private LinearNeed output(String layer, StateTraits state) {
    return output(layer, state.output(), state.outputColumns());
  }

  private FeedForward feedForward(String layer, int index) {
    if (!shape.has(LayerPart.FEED_FORWARD, index)) {
      return new FeedForward.None();
    }
    return shape
        .traits()
        .experts()
        .filter(experts -> experts.in(index))
        .<FeedForward>map(
            experts -> experts.beside() ? beside(layer, experts, index) : sparse(layer, experts))
        .orElseGet(() -> dense(layer, shape.intermediate(index)));
  }

  private LinearNeed output(String layer, String name, int columns) {
    return linear(layer + name, shape.hidden(), columns);
  }

  private LinearNeed linear(String name, int rows, int columns) {
    return new LinearNeed(name, rows, columns, shape.traits().byInput());
  }

  private Norm norm(String layer, Optional<String> name) {
    return name.map(norm -> norm(layer + norm)).orElse(Norm.NONE);
  }

  private Norm norm(String name) {
    return new Norm(
        vector(name + ".weight", shape.hidden()),
        shape.traits().norms().bias() ? vector(name + ".bias", shape.hidden()) : List.of());
  }

  private FeedForward.Dense dense(String layer, int inner) {
    return dense(layer, shape.traits().names().feedForward(), inner);
  }

  private FeedForward.Dense dense(String layer, MapNames names, int inner) {
    return switch (shape.traits().activation()) {
      case GateFunction _ -> gated(layer, names, inner);
      case UngatedFunction _ ->
          maps(
              new LinearNeed[] {linear(layer + names.up(), inner, shape.hidden())},
              linear(layer + names.down(), shape.hidden(), inner));
    };
  }

  private FeedForward.Dense gated(String layer, MapNames names, int inner) {
    LinearNeed[] gates =
        names
            .gateUp()
            .map(both -> new LinearNeed(layer + both, 2 * inner, shape.hidden()))
            .map(both -> new LinearNeed[] {both})
            .orElseGet(() -> gates(layer + names.gate(), layer + names.up(), inner));
    return maps(gates, new LinearNeed(layer + names.down(), shape.hidden(), inner));
  }

  private LinearNeed[] gates(String gate, String up, int inner) {
    return new LinearNeed[] {
      new LinearNeed(gate, inner, shape.hidden()), new LinearNeed(up, inner, shape.hidden())
    };
  }

  private FeedForward.Dense maps(LinearNeed[] gates, LinearNeed down) {
    boolean bias = shape.traits().mlpBias();
    return new FeedForward.Dense(
        weights(gates),
        bias ? biases(gates) : List.of(),
        weights(down),
        bias ? biases(down) : List.of());
  }

  private FeedForward beside(String layer, ExpertTraits experts, int index) {
    return new FeedForward.Beside(
        dense(layer, shape.intermediate(index)),
        norm(layer + "post_feedforward_layernorm_1"),
        norm(layer + "pre_feedforward_layernorm_2"),
        sparse(layer, experts),
        byElement(vector(layer + "router.scale", shape.hidden())),
        vector(layer + "router.per_expert_scale", experts.count()),
        norm(layer + "post_feedforward_layernorm_2"));
  }

  private FeedForward.Sparse sparse(String layer, ExpertTraits experts) {
    LinearNeed router =
        new LinearNeed(layer + experts.names().router(), experts.count(), shape.hidden());
    Optional<ExpertTraits.Shared> shared = experts.shared();
    return new FeedForward.Sparse(
        experts.beside() ? byElement(weights(router)) : weights(router),
        shape.traits().mlpBias() ? biases(router) : List.of(),
        experts
            .routing()
            .selectionBias()
            .map(name -> vector(layer + name, experts.count()))
            .orElse(List.of()),
        IntStream.range(0, experts.count())
            .mapToObj(expert -> expert(layer, experts, expert))
            .toList(),
        shared.map(one -> dense(layer, one.maps(), one.inner())),
        shared
            .flatMap(ExpertTraits.Shared::gate)
            .map(gate -> weights(new LinearNeed(layer + gate, 1, shape.hidden())))
            .orElse(List.of()));
  }

  private FeedForward.Dense expert(String layer, ExpertTraits experts, int expert) {
    int hidden = shape.hidden();
    int inner = experts.inner();
    return switch (experts.names()) {
      case ExpertTraits.Names.Apart names -> dense(layer, names.of(expert), inner);
      case ExpertTraits.Names.Joined names -> dense(layer, names.of(expert), inner);
      case ExpertTraits.Names.Together names -> {
        int inputs = shape.traits().activation().inputs(inner);
        yield new FeedForward.Dense(
            part(layer + names.gateUp(), expert, experts.count(), inputs, hidden),
            List.of(),
            part(layer + names.down(), expert, experts.count(), hidden, inner),
            List.of());
      }
    };
  }

  private static List<TensorNeed> part(String name, int part, int parts, int rows, int columns) {
    return List.of(TensorNeed.matrixOf(name, part, parts, rows, columns));
  }

  private static List<TensorNeed> vector(String name, int length) {
    return List.of(TensorNeed.vector(name, length));
  }

  private static List<TensorNeed> byElement(List<TensorNeed> needs) {
    return needs.stream().map(TensorNeed::readByElement).toList();
  }

  private static List<TensorNeed> weights(LinearNeed... maps) {
    return LinearNeed.weights(List.of(maps));
  }

  private static List<TensorNeed> biases(LinearNeed... maps) {
    return LinearNeed.biases(List.of(maps));
  }
}

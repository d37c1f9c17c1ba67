package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.family.DecoderTraits.BranchNorms;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
  static final String HEAD = "lm_head";
  private static final String EMBEDDINGS = "model.embed_tokens.weight";

  /** What one layer needs. */
  record Layer(
      Norm attentionNorm,
      List<TensorNeed> qkv,
      List<TensorNeed> qkvBias,
      List<TensorNeed> queryNorm,
      List<TensorNeed> keyNorm,
      List<TensorNeed> sinks,
      List<TensorNeed> output,
      List<TensorNeed> outputBias,
      Norm attentionEndNorm,
      Norm mlpNorm,
      FeedForward feedForward,
      Norm mlpEndNorm) {
    Stream<List<TensorNeed>> all() {
      return Stream.of(
              Stream.of(attentionNorm, attentionEndNorm, mlpNorm, mlpEndNorm).flatMap(Norm::all),
              Stream.of(qkv, qkvBias, queryNorm, keyNorm, sinks, output, outputBias),
              feedForward.all())
          .flatMap(Function.identity());
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
            Stream.of(embeddings()),
            IntStream.range(0, shape.layers()).boxed().flatMap(index -> layer(index).all()),
            finalNorm().all(),
            Stream.of(head(), headBias()))
        .flatMap(Function.identity())
        .filter(needs -> !needs.isEmpty());
  }

  List<TensorNeed> embeddings() {
    return List.of(TensorNeed.matrix(EMBEDDINGS, shape.vocabulary(), shape.hidden()));
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

  private Linear headMap() {
    return new Linear(HEAD, shape.vocabulary(), shape.hidden());
  }

  Layer layer(int index) {
    String layer = "model.layers." + index + ".";
    String attention = layer + "self_attn.";
    DecoderTraits traits = shape.traits();
    int hidden = shape.hidden();
    Linear q = new Linear(attention + "q_proj", shape.queryColumns(), hidden);
    Linear k = new Linear(attention + "k_proj", shape.keyColumns(), hidden);
    Linear v = new Linear(attention + "v_proj", shape.keyColumns(), hidden);
    Linear qkv =
        new Linear(attention + "qkv_proj", shape.queryColumns() + 2 * shape.keyColumns(), hidden);
    Linear o = new Linear(layer + traits.names().output(), hidden, shape.queryColumns());
    BranchNorms norms = traits.branchNorms();
    Linear[] inputs = traits.fusedInputs() ? new Linear[] {qkv} : new Linear[] {q, k, v};
    return new Layer(
        norm(layer, norms.start().map(BranchNorms.Names::attention)),
        weights(inputs),
        traits.inputBias() ? biases(inputs) : List.of(),
        headNorm(attention + "q_norm.weight", shape.queryColumns()),
        headNorm(attention + "k_norm.weight", shape.keyColumns()),
        traits.sinks() ? vector(attention + "sinks", shape.heads()) : List.of(),
        weights(o),
        traits.outputBias() ? biases(o) : List.of(),
        norm(layer, norms.end().map(BranchNorms.Names::attention)),
        norms.one() ? Norm.NONE : norm(layer, norms.start().map(BranchNorms.Names::feedForward)),
        traits
            .experts()
            .filter(experts -> experts.in(index))
            .<FeedForward>map(experts -> sparse(layer, experts))
            .orElseGet(() -> dense(layer)),
        norm(layer, norms.end().map(BranchNorms.Names::feedForward)));
  }

  private Norm norm(String layer, Optional<String> name) {
    return name.map(norm -> norm(layer + norm)).orElse(Norm.NONE);
  }

  private Norm norm(String name) {
    return new Norm(
        vector(name + ".weight", shape.hidden()),
        shape.traits().norms().bias() ? vector(name + ".bias", shape.hidden()) : List.of());
  }

  private FeedForward.Dense dense(String layer) {
    int inner = shape.intermediate();
    return switch (shape.traits().activation()) {
      case GateFunction _ -> gated(layer + "mlp.", inner);
      case UngatedFunction _ -> {
        DecoderTraits.PartNames names = shape.traits().names();
        Linear up = new Linear(layer + names.up(), inner, shape.hidden());
        yield maps(new Linear[] {up}, new Linear(layer + names.down(), shape.hidden(), inner));
      }
    };
  }

  private FeedForward.Dense gated(String mlp, int inner) {
    Linear gateUp = new Linear(mlp + "gate_up_proj", 2 * inner, shape.hidden());
    Linear[] gates =
        shape.traits().fusedGates()
            ? new Linear[] {gateUp}
            : gates(mlp + "gate_proj", mlp + "up_proj", inner);
    return maps(gates, new Linear(mlp + "down_proj", shape.hidden(), inner));
  }

  private Linear[] gates(String gate, String up, int inner) {
    return new Linear[] {
      new Linear(gate, inner, shape.hidden()), new Linear(up, inner, shape.hidden())
    };
  }

  private FeedForward.Dense maps(Linear[] gates, Linear down) {
    boolean bias = shape.traits().mlpBias();
    return new FeedForward.Dense(
        weights(gates),
        bias ? biases(gates) : List.of(),
        weights(down),
        bias ? biases(down) : List.of());
  }

  private FeedForward sparse(String layer, ExpertTraits experts) {
    Linear router = new Linear(layer + experts.names().router(), experts.count(), shape.hidden());
    Optional<ExpertTraits.Shared> shared = experts.shared();
    return new FeedForward.Sparse(
        weights(router),
        shape.traits().mlpBias() ? biases(router) : List.of(),
        experts
            .routing()
            .selectionBias()
            .map(name -> vector(layer + name, experts.count()))
            .orElse(List.of()),
        IntStream.range(0, experts.count())
            .mapToObj(expert -> expert(layer, experts, expert))
            .toList(),
        shared.map(one -> gated(layer + one.maps(), one.inner())),
        shared
            .flatMap(ExpertTraits.Shared::gate)
            .map(gate -> weights(new Linear(layer + gate, 1, shape.hidden())))
            .orElse(List.of()));
  }

  private FeedForward.Dense expert(String layer, ExpertTraits experts, int expert) {
    int hidden = shape.hidden();
    int inner = experts.inner();
    return switch (experts.names()) {
      case ExpertTraits.Names.Apart names ->
          maps(
              gates(
                  layer + names.of(expert, names.gate()),
                  layer + names.of(expert, names.up()),
                  inner),
              new Linear(layer + names.of(expert, names.down()), hidden, inner));
      case ExpertTraits.Names.Together names ->
          new FeedForward.Dense(
              part(layer + names.gateUp(), expert, experts.count(), 2 * inner, hidden),
              List.of(),
              part(layer + names.down(), expert, experts.count(), hidden, inner),
              List.of());
    };
  }

  private static List<TensorNeed> part(String name, int part, int parts, int rows, int columns) {
    return List.of(TensorNeed.matrixOf(name + ".weight", part, parts, rows, columns));
  }

  private List<TensorNeed> headNorm(String name, int columns) {
    return switch (shape.traits().headNorms()) {
      case NONE -> List.of();
      case EACH -> vector(name, shape.headDim());
      case TOGETHER -> vector(name, columns);
    };
  }

  private static List<TensorNeed> vector(String name, int length) {
    return List.of(TensorNeed.vector(name, length));
  }

  private static List<TensorNeed> weights(Linear... maps) {
    List<TensorNeed> needs = new ArrayList<>();
    for (Linear map : maps) {
      needs.add(TensorNeed.matrix(map.name + ".weight", map.rows, map.columns));
    }
    return needs;
  }

  private static List<TensorNeed> biases(Linear... maps) {
    List<TensorNeed> needs = new ArrayList<>();
    for (Linear map : maps) {
      needs.add(TensorNeed.vector(map.name + ".bias", map.rows));
    }
    return needs;
  }

  private record Linear(String name, int rows, int columns) {}
}

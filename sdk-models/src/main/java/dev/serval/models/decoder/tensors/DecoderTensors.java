package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerInputs;
import dev.serval.models.decoder.traits.LayerPart;
import dev.serval.models.decoder.traits.OuterNames;
import dev.serval.models.decoder.traits.StateTraits;
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
public record DecoderTensors(DecoderShape shape) {
  /** What one layer needs. */
  public record Layer(
      NormTensors attentionNorm,
      MixerTensors mixer,
      List<TensorNeed> output,
      List<TensorNeed> outputBias,
      NormTensors attentionEndNorm,
      NormTensors mlpNorm,
      FeedForwardTensors feedForward,
      NormTensors mlpEndNorm,
      Optional<Input> input,
      Optional<AltUpTensors.Layer> altUp,
      List<TensorNeed> scale) {
    public Stream<List<TensorNeed>> all() {
      return Stream.of(
              Stream.of(attentionNorm, attentionEndNorm, mlpNorm, mlpEndNorm)
                  .flatMap(NormTensors::all),
              mixer.all(),
              Stream.of(output, outputBias),
              feedForward.all(),
              input.stream().flatMap(Input::all),
              altUp.stream().flatMap(AltUpTensors.Layer::all),
              Stream.of(scale))
          .flatMap(Function.identity());
    }
  }

  /** What a layer needs to take its own input of each token. */
  public record Input(List<TensorNeed> gate, List<TensorNeed> output, NormTensors endNorm) {
    public Stream<List<TensorNeed>> all() {
      return Stream.concat(Stream.of(gate, output), endNorm.all());
    }
  }

  /** What makes the inputs of all layers. */
  public record Inputs(List<TensorNeed> table, List<TensorNeed> map, List<TensorNeed> norm) {
    public Stream<List<TensorNeed>> all() {
      return Stream.of(table, map, norm);
    }
  }

  /**
   * All weights, those of the layers between the embeddings and the last norm: one after the other,
   * since a configuration may claim any number of layers.
   */
  public Stream<List<TensorNeed>> all() {
    return Stream.of(
            Stream.of(embeddings(), positions()),
            inputs().stream().flatMap(Inputs::all),
            altUp().stream().flatMap(AltUpTensors::all),
            IntStream.range(0, shape.layers()).boxed().flatMap(index -> layer(index).all()),
            finalNorm().all(),
            Stream.of(head(), headBias()))
        .flatMap(Function.identity())
        .filter(needs -> !needs.isEmpty());
  }

  public List<TensorNeed> embeddings() {
    String table = outer().embeddings() + ".weight";
    return List.of(TensorNeed.matrix(table, shape.vocabulary(), shape.hidden()));
  }

  /** Empty if positions have no embeddings. */
  public List<TensorNeed> positions() {
    return shape
        .traits()
        .positions()
        .map(table ->
            List.of(TensorNeed.matrix(table + ".weight", shape.contextLength(), shape.hidden())))
        .orElse(List.of());
  }

  private OuterNames outer() {
    return shape.traits().names().outer();
  }

  /** Those of all layers lie one behind the other. */
  public Optional<Inputs> inputs() {
    return shape.traits().stream().inputs().map(this::inputs);
  }

  private Inputs inputs(LayerInputs inputs) {
    int all = shape.layers() * inputs.columns();
    return new Inputs(
        List.of(TensorNeed.matrix("model.embed_tokens_per_layer.weight", inputs.tokens(), all)),
        LinearNeed.weights(new LinearNeed("model.per_layer_model_projection", all, shape.hidden())),
        List.of(TensorNeed.vector("model.per_layer_projection_norm.weight", inputs.columns())));
  }

  private Input input(String layer, LayerInputs inputs) {
    int inner = inputs.columns();
    return new Input(
        LinearNeed.weights(new LinearNeed(layer + "per_layer_input_gate", inner, shape.hidden())),
        LinearNeed.weights(new LinearNeed(layer + "per_layer_projection", shape.hidden(), inner)),
        norm(layer + "post_per_layer_input_norm"));
  }

  /** Empty if there is one stream. */
  public Optional<AltUpTensors> altUp() {
    return altUpNeeds().map(AltUpNeeds::outer);
  }

  private Optional<AltUpNeeds> altUpNeeds() {
    return shape.traits().stream().altUp().map(traits -> new AltUpNeeds(shape, traits));
  }

  public NormTensors finalNorm() {
    return norm(shape.traits().names().finalNorm());
  }

  /** Empty if the embedding table is also the head. */
  public List<TensorNeed> head() {
    return shape.tied() ? List.of() : LinearNeed.weights(headMap());
  }

  public List<TensorNeed> headBias() {
    return shape.traits().headBias() ? LinearNeed.biases(headMap()) : List.of();
  }

  private LinearNeed headMap() {
    return new LinearNeed(outer().head(), shape.vocabulary(), shape.hidden());
  }

  public Layer layer(int index) {
    String layer = outer().layers() + index + ".";
    BranchNorms norms = shape.traits().branchNorms();
    if (!shape.has(LayerPart.MIXER, index)) {
      NormTensors start = norm(layer, norms.start().map(BranchNorms.Names::attention));
      return layer(layer, index, Mixing.NONE, start);
    }
    NormTensors start =
        norms.one() || !shape.has(LayerPart.FEED_FORWARD, index)
            ? NormTensors.NONE
            : norm(layer, norms.start().map(BranchNorms.Names::feedForward));
    return layer(layer, index, mixing(layer, index), start);
  }

  private Layer layer(String layer, int index, Mixing mixing, NormTensors feedForwardNorm) {
    BranchNorms norms = shape.traits().branchNorms();
    return new Layer(
        mixing.norm,
        mixing.mixer,
        mixing.output,
        mixing.outputBias,
        mixing.endNorm,
        feedForwardNorm,
        new FeedForwardNeeds(shape).of(layer, index),
        norm(layer, norms.end().map(BranchNorms.Names::feedForward)),
        shape.traits().stream().inputs().map(inputs -> input(layer, inputs)),
        altUpNeeds().map(needs -> needs.of(layer, mixing.norm)),
        shape.traits().stream().scales()
            ? TensorNeed.byElement(List.of(TensorNeed.vector(layer + "layer_scalar", 1)))
            : List.of());
  }

  /** The part of a layer that mixes tokens. */
  private record Mixing(
      NormTensors norm,
      MixerTensors mixer,
      List<TensorNeed> output,
      List<TensorNeed> outputBias,
      NormTensors endNorm) {
    static final Mixing NONE =
        new Mixing(
            NormTensors.NONE, new MixerTensors.None(), List.of(), List.of(), NormTensors.NONE);
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
    Optional<MixerTensors.Carrying> carrying =
        state.map(one -> StateNeeds.of(one, shape.hidden(), layer));
    if (carrying.isPresent() && shape.attends(index)) {
      return new MixerTensors.Beside(
          AttentionNeeds.of(shape, index, layer),
          carrying.get(),
          LinearNeed.weights(output(layer, state.get())));
    }
    return carrying
        .<MixerTensors>map(Function.identity())
        .or(() -> shape.traits().latent().map(latent -> new LatentNeeds(latent).of(shape, layer)))
        .orElseGet(() -> AttentionNeeds.of(shape, index, layer));
  }

  private LinearNeed output(String layer, StateTraits state) {
    return output(layer, state.output(), state.outputColumns());
  }

  private LinearNeed output(String layer, String name, int columns) {
    return new LinearNeed(layer + name, shape.hidden(), columns, shape.traits().byInput());
  }

  private NormTensors norm(String layer, Optional<String> name) {
    return name.map(norm -> norm(layer + norm)).orElse(NormTensors.NONE);
  }

  private NormTensors norm(String name) {
    return NormTensors.of(shape, name);
  }
}

package dev.serval.models.decoder.traits;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.SparseGate;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * What sets a family, or one of its models, apart from other decoder-only transformers.
 *
 * @param inputBias whether queries, keys and values have a bias
 * @param outputBias whether attention's output has a bias
 * @param mlpBias whether the feed-forward layer's maps have a bias, or those of its experts and
 *     what gives these their scores
 * @param headBias whether logits have one
 * @param inputs how a checkpoint stores the maps for queries, keys and values
 * @param byInput whether it stores the maps of layers with a row for each input
 * @param positions the table of embeddings of positions, if there is one
 * @param activation what the feed-forward layer has between its maps
 * @param names what some tensors are called
 * @param sinks whether each query head has a score that takes its share of attention for nothing
 * @param headNorms how queries and keys are normalised
 * @param branchNorms where attention and the feed-forward layer have norms
 * @param norms what norms of rows are
 * @param multipliers by what parts of the model are multiplied
 * @param softcaps what keeps scores and logits small
 * @param tied whether the embedding table is also the head, unless a checkpoint says otherwise
 * @param windows which positions each layer sees
 * @param rotaryLayers in which layers positions turn heads
 * @param turning what of a head positions turn, unless a checkpoint says otherwise
 * @param windowed how positions turn heads in layers that have a window, given how they do in
 *     others
 * @param outputGates whether attention's output is let through by gates
 * @param heads what sets the heads of some layers apart
 * @param stream what else happens to what goes from layer to layer
 * @param widths how wide each layer's feed-forward part is within, if they differ
 * @param sparsity for each layer how many standard deviations above the mean the least of the gates
 *     is that counts, without end below where all do
 * @param latent how keys and values are kept together as less, if they are
 * @param states layers that carry a state along in place of attending, if there are any
 * @param parts for each layer the only part of both that it has, if layers have one
 * @param width how wide feed-forward layers are within, if {@code intermediate_size} does not say
 * @param experts those of which feed-forward layers are made, if they are
 * @param draftLayers how many layers behind the last a checkpoint has that predict further tokens,
 *     which are not needed
 */
public record DecoderTraits(
    boolean inputBias,
    boolean outputBias,
    boolean mlpBias,
    boolean headBias,
    InputMaps inputs,
    boolean byInput,
    Optional<String> positions,
    ActivationFunction activation,
    PartNames names,
    boolean sinks,
    HeadNorms headNorms,
    BranchNorms branchNorms,
    RowNorms norms,
    Multipliers multipliers,
    Softcaps softcaps,
    boolean tied,
    LayerWindows windows,
    RotaryLayers rotaryLayers,
    RotaryFrequencies.Turning turning,
    UnaryOperator<RotaryFrequencies> windowed,
    OutputGates outputGates,
    LayerHeads heads,
    LayerStream stream,
    Optional<IntUnaryOperator> widths,
    IntToDoubleFunction sparsity,
    Optional<LatentTraits> latent,
    Optional<StateLayers> states,
    Optional<List<LayerPart>> parts,
    OptionalInt width,
    Optional<ExpertTraits> experts,
    int draftLayers) {

  /** As Llama and Mistral are, unless told otherwise. */
  public static Builder with(LayerWindows windows) {
    return new Builder(windows);
  }

  /** What a layer's feed-forward part has between its maps. */
  public ActivationFunction activation(int layer) {
    double least = sparsity.applyAsDouble(layer);
    return activation instanceof GateFunction gate && least > Double.NEGATIVE_INFINITY
        ? new SparseGate(gate, (float) least)
        : activation;
  }

  /** By what is multiplied what attention adds. */
  public float attentionFactor() {
    return factor(multipliers.branches().attention());
  }

  /** By what is multiplied what it adds that carries a state along. */
  public float stateFactor() {
    return factor(multipliers.branches().states());
  }

  /** By what is multiplied what the feed-forward layer adds. */
  public float feedForwardFactor() {
    return factor(multipliers.branches().feedForward());
  }

  /** The residual stream is kept as much smaller as embeddings are; 1 where gains do it. */
  private float factor(double branch) {
    return branchNorms.end().isPresent() ? 1 : (float) (branch / multipliers.embeddings());
  }

  /** Those of the last norm, by which logits are multiplied, too. */
  public NormGains finalGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.logits());
  }

  /** The gains of most norms. */
  public NormGains gains() {
    return new NormGains(norms.gainsLessOne(), 1);
  }

  /** Those of the norm that attention, and what carries a state along, begin with. */
  public NormGains mixerGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.branches().mixerInput());
  }

  /** Those of the norm that the feed-forward layer begins with. */
  public NormGains feedForwardGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.branches().feedForwardInput());
  }

  /** Those of norms at the ends, by which what is added is multiplied, too. */
  public NormGains endGains(double branch) {
    return new NormGains(norms.gainsLessOne(), multipliers.embeddings() / branch);
  }

  /** Collects what is told otherwise. */
  public static final class Builder {
    private final LayerWindows windows;
    private boolean inputBias;
    private boolean outputBias;
    private boolean mlpBias;
    private boolean headBias;
    private InputMaps inputs = InputMaps.APART;
    private boolean byInput;
    private Optional<String> positions = Optional.empty();
    private ActivationFunction activation = GateFunction.SILU;
    private PartNames names = PartNames.USUAL;
    private boolean sinks;
    private HeadNorms headNorms = HeadNorms.NONE;
    private BranchNorms branchNorms = BranchNorms.START;
    private RowNorms norms = RowNorms.ROOT_MEAN_SQUARE;
    private Multipliers multipliers = Multipliers.NONE;
    private Softcaps softcaps = Softcaps.NONE;
    private boolean tied;
    private RotaryLayers rotaryLayers = RotaryLayers.all();
    private RotaryFrequencies.Turning turning = RotaryFrequencies.Turning.HALVES;
    private UnaryOperator<RotaryFrequencies> windowed = UnaryOperator.identity();
    private OutputGates outputGates = OutputGates.NONE;
    private LayerHeads heads = LayerHeads.ALIKE;
    private LayerStream stream = LayerStream.PLAIN;
    private Optional<IntUnaryOperator> widths = Optional.empty();
    private IntToDoubleFunction sparsity = GateSparsity.NONE;
    private Optional<LatentTraits> latent = Optional.empty();
    private Optional<StateLayers> states = Optional.empty();
    private Optional<List<LayerPart>> parts = Optional.empty();
    private OptionalInt width = OptionalInt.empty();
    private Optional<ExpertTraits> experts = Optional.empty();
    private int draftLayers;

    private Builder(LayerWindows windows) {
      this.windows = windows;
    }

    public Builder biases(boolean input, boolean output, boolean mlp) {
      inputBias = input;
      outputBias = output;
      mlpBias = mlp;
      return this;
    }

    public Builder inputs(InputMaps maps) {
      inputs = maps;
      return this;
    }

    public Builder byInput(boolean given) {
      byInput = given;
      return this;
    }

    /** Positions have embeddings of their own, and turn nothing. */
    public Builder positions(String table) {
      positions = Optional.of(table);
      return rotaryLayers(RotaryLayers.none());
    }

    public Builder fusedGates() {
      names = names.with(MapNames.fused("mlp.gate_up_proj", "mlp.down_proj"));
      return this;
    }

    public Builder headBias() {
      headBias = true;
      return this;
    }

    public Builder activation(ActivationFunction function) {
      activation = function;
      return this;
    }

    public Builder names(PartNames given) {
      names = given;
      return this;
    }

    public Builder sinks() {
      sinks = true;
      return this;
    }

    public Builder headNorms(HeadNorms norms) {
      headNorms = norms;
      return this;
    }

    public Builder branchNorms(BranchNorms norms) {
      branchNorms = norms;
      return this;
    }

    public Builder norms(RowNorms given) {
      norms = given;
      return this;
    }

    public Builder multipliers(Multipliers given) {
      multipliers = given;
      return this;
    }

    public Builder softcaps(Softcaps given) {
      softcaps = given;
      return this;
    }

    public Builder tied() {
      return tied(true);
    }

    public Builder tied(boolean given) {
      tied = given;
      return this;
    }

    public Builder rotaryLayers(RotaryLayers layers) {
      rotaryLayers = layers;
      return this;
    }

    public Builder turning(RotaryFrequencies.Turning given) {
      turning = given;
      return this;
    }

    public Builder windowed(UnaryOperator<RotaryFrequencies> turning) {
      windowed = turning;
      return this;
    }

    public Builder outputGates(OutputGates given) {
      outputGates = given;
      return this;
    }

    public Builder heads(LayerHeads given) {
      heads = given;
      return this;
    }

    public Builder stream(LayerStream given) {
      stream = given;
      return this;
    }

    public Builder widths(IntUnaryOperator given) {
      widths = Optional.of(given);
      return this;
    }

    public Builder sparsity(IntToDoubleFunction given) {
      sparsity = given;
      return this;
    }

    Builder latent(LatentTraits given) {
      latent = Optional.of(given);
      return this;
    }

    public Builder states(StateLayers given) {
      states = Optional.of(given);
      return this;
    }

    public Builder parts(List<LayerPart> given) {
      parts = Optional.of(given);
      return this;
    }

    public Builder width(int given) {
      width = OptionalInt.of(given);
      return this;
    }

    public Builder experts(ExpertTraits given) {
      experts = Optional.of(given);
      return this;
    }

    public Builder draftLayers(int layers) {
      draftLayers = layers;
      return this;
    }

    public DecoderTraits build() {
      return new DecoderTraits(
          inputBias,
          outputBias,
          mlpBias,
          headBias,
          inputs,
          byInput,
          positions,
          activation,
          names,
          sinks,
          headNorms,
          branchNorms,
          norms,
          multipliers,
          softcaps,
          tied,
          windows,
          rotaryLayers,
          turning,
          windowed,
          outputGates,
          heads,
          stream,
          widths,
          sparsity,
          latent,
          states,
          parts,
          width,
          experts,
          draftLayers);
    }
  }
}

package dev.serval.models.family;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.GateFunction;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
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
 * @param headNorms how queries and keys are normalised before they are turned
 * @param branchNorms where attention and the feed-forward layer have norms
 * @param norms what norms of rows are
 * @param multipliers by what parts of the model are multiplied
 * @param softcaps what keeps scores and logits small
 * @param tied whether the embedding table is also the head, unless a checkpoint says otherwise
 * @param windows how far back each layer sees
 * @param rotaryLayers in which layers positions turn heads
 * @param turning what of a head positions turn, unless a checkpoint says otherwise
 * @param windowed how positions turn heads in layers that have a window, given how they do in
 *     others
 * @param outputGates whether attention's output is let through by gates, each head's behind its
 *     query
 * @param heads what sets the heads of some layers apart
 * @param stream what else happens to what goes from layer to layer
 * @param wideFrom from which layer on feed-forward layers are twice as wide, if any are
 * @param latent how keys and values are kept together as less, if they are
 * @param states layers that carry a state along in place of attending, if there are any
 * @param parts for each layer the only part of both that it has, if layers have one
 * @param width how wide feed-forward layers are within, if {@code intermediate_size} does not say
 * @param experts those of which feed-forward layers are made, if they are
 * @param draftLayers how many layers behind the last a checkpoint has that predict further tokens,
 *     which are not needed
 */
record DecoderTraits(
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
    Norms norms,
    Multipliers multipliers,
    Softcaps softcaps,
    boolean tied,
    LayerWindows windows,
    RotaryLayers rotaryLayers,
    RotaryFrequencies.Turning turning,
    UnaryOperator<RotaryFrequencies> windowed,
    boolean outputGates,
    LayerHeads heads,
    LayerStream stream,
    OptionalInt wideFrom,
    Optional<LatentTraits> latent,
    Optional<StateLayers> states,
    Optional<List<LayerPart>> parts,
    OptionalInt width,
    Optional<ExpertTraits> experts,
    int draftLayers) {

  /**
   * What norms of rows are.
   *
   * @param centred whether they are from the mean, and not by the root of the mean square
   * @param bias whether they have a bias
   * @param gainsLessOne whether a checkpoint stores their gains less 1
   * @param epsilon the field that says what they add
   * @param usual what they add unless it is said
   */
  record Norms(boolean centred, boolean bias, boolean gainsLessOne, String epsilon, double usual) {
    private static final double LARGER = 1e-5;

    /** As Llama's. */
    static final Norms ROOT_MEAN_SQUARE = new Norms(false, false, false, "rms_norm_eps", 1e-6);

    /** From the mean. */
    static Norms centred(boolean bias, String epsilon) {
      return new Norms(true, bias, false, epsilon, LARGER);
    }

    /** The same, whose gains may be stored less 1. */
    Norms lessOne(boolean less) {
      return new Norms(centred, bias, less, epsilon, usual);
    }

    /** The same, which add more unless it is said. */
    Norms larger() {
      return new Norms(centred, bias, gainsLessOne, epsilon, LARGER);
    }
  }

  /** How a checkpoint stores the maps for queries, keys and values. */
  enum InputMaps {
    /** Each by itself. */
    APART,
    /** As one: all queries, then all keys, then all values. */
    TOGETHER,
    /** As one: for each key head the queries that attend to it, then its key, then its value. */
    BY_GROUP
  }

  /**
   * What tensors outside layers are called, without {@code .weight} or {@code .bias}, and what
   * those within begin with.
   *
   * @param embeddings the embedding table
   * @param layers what comes before a layer's number
   * @param head what gives logits
   */
  record OuterNames(String embeddings, String layers, String head) {
    /** As Llama's. */
    static final OuterNames USUAL =
        new OuterNames("model.embed_tokens", "model.layers.", "lm_head");
  }

  /**
   * What some tensors are called, without {@code .weight} or {@code .bias}.
   *
   * @param outer those outside layers, but for the last norm
   * @param inputs the one map of queries, keys and values, within a layer, if there is one
   * @param output the map that attention ends with, within a layer
   * @param feedForward the maps of dense feed-forward layers
   * @param finalNorm the last norm
   * @param queryNorm the norm of queries, within a layer
   * @param keyNorm that of keys
   */
  record PartNames(
      OuterNames outer,
      String inputs,
      String output,
      MapNames feedForward,
      String finalNorm,
      String queryNorm,
      String keyNorm) {
    private static final String INPUTS = "self_attn.qkv_proj";

    /** As Llama's. */
    static final PartNames USUAL = of("self_attn.o_proj", MapNames.of("mlp."), "model.norm");

    /** Norms of queries and keys are called as most are. */
    static PartNames of(String output, MapNames feedForward, String finalNorm) {
      return of(output, feedForward, finalNorm, "self_attn.q_norm", "self_attn.k_norm");
    }

    /** Those outside layers are called as most are. */
    static PartNames of(
        String output, MapNames feedForward, String finalNorm, String queryNorm, String keyNorm) {
      return new PartNames(
          OuterNames.USUAL, INPUTS, output, feedForward, finalNorm, queryNorm, keyNorm);
    }

    /** The same with other names in feed-forward layers. */
    PartNames with(MapNames maps) {
      return new PartNames(outer, inputs, output, maps, finalNorm, queryNorm, keyNorm);
    }

    /** The same with other names outside layers, and of the one map for attention's inputs. */
    PartNames with(OuterNames others, String qkv) {
      return new PartNames(others, qkv, output, feedForward, finalNorm, queryNorm, keyNorm);
    }
  }

  /**
   * By what parts of a model are multiplied.
   *
   * @param embeddings by what embeddings are
   * @param branches by what is what parts of layers begin with and add
   * @param scores by what scores are, if not by one over the square root of a head's dimensions
   * @param logits by what logits are
   */
  record Multipliers(double embeddings, Branches branches, Optional<Double> scores, double logits) {
    static final Multipliers NONE = new Multipliers(1, 1, Optional.empty(), 1);

    /** What all parts of layers add is multiplied alike. */
    Multipliers(double embeddings, double branches, Optional<Double> scores, double logits) {
      this(embeddings, new Branches(1, branches, branches, 1, branches), scores, logits);
    }
  }

  /**
   * By what is multiplied what parts of layers begin with and add.
   *
   * @param mixerInput what attention, and what carries a state along, begin with
   * @param attention what attention adds
   * @param states what it adds that carries a state along
   * @param feedForwardInput what the feed-forward layer begins with
   * @param feedForward what it adds
   */
  record Branches(
      double mixerInput,
      double attention,
      double states,
      double feedForwardInput,
      double feedForward) {}

  /**
   * What keeps scores and logits small; infinite where nothing does.
   *
   * @param scores the cap of attention's scores
   * @param logits that of logits
   */
  record Softcaps(float scores, float logits) {
    static final Softcaps NONE = new Softcaps(AttentionSpec.NO_SOFTCAP, AttentionSpec.NO_SOFTCAP);
  }

  /** How queries and keys are normalised before they are turned. */
  enum HeadNorms {
    /** Not at all. */
    NONE,
    /** Each head, all of them with the same gains. */
    EACH,
    /** All heads of a row together. */
    TOGETHER
  }

  /**
   * Where attention and the feed-forward layer have norms, and what these are called within a
   * layer, without {@code .weight} or {@code .bias}.
   *
   * @param start at the start of both
   * @param end of what both add
   * @param beside whether both begin with what a layer begins with, and not one after the other
   */
  record BranchNorms(Optional<Names> start, Optional<Names> end, boolean beside) {
    private static final String INPUT = "input_layernorm";

    /** Called so in a model that has no norms of what attention adds. */
    private static final String AFTER_ATTENTION = "post_attention_layernorm";

    private static final Names ENDS = new Names(AFTER_ATTENTION, "post_feedforward_layernorm");

    /** At their start. */
    static final BranchNorms START = start(INPUT, AFTER_ATTENTION);

    /** One for both, which begin with the same. */
    static final BranchNorms ONE = one(INPUT);

    /** At their start, and of what they add. */
    static final BranchNorms BOTH =
        new BranchNorms(
            Optional.of(new Names(INPUT, "pre_feedforward_layernorm")), Optional.of(ENDS), false);

    /** The same, under other names. */
    static final BranchNorms BOTH_OF_GLM =
        new BranchNorms(
            START.start,
            Optional.of(new Names("post_self_attn_layernorm", "post_mlp_layernorm")),
            false);

    /** Of what they add alone. */
    static final BranchNorms END = new BranchNorms(Optional.empty(), Optional.of(ENDS), false);

    /** At their start, so called. */
    static BranchNorms start(String attention, String feedForward) {
      return new BranchNorms(
          Optional.of(new Names(attention, feedForward)), Optional.empty(), false);
    }

    /** One for both, so called. */
    static BranchNorms one(String name) {
      return start(name, name).besides();
    }

    /** The same where both begin with what a layer begins with. */
    BranchNorms besides() {
      return new BranchNorms(start, end, true);
    }

    /** Whether attention and the feed-forward layer begin with the same norm. */
    boolean one() {
      return beside && start.filter(names -> names.attention.equals(names.feedForward)).isPresent();
    }

    /**
     * What norms are called.
     *
     * @param attention that of attention
     * @param feedForward that of the feed-forward layer
     */
    record Names(String attention, String feedForward) {}
  }

  /** What a layer has that has one part. */
  enum LayerPart {
    /** What mixes tokens: attention, or what carries a state along. */
    MIXER,
    /** A feed-forward layer. */
    FEED_FORWARD
  }

  /** As Llama and Mistral are, unless told otherwise. */
  static Builder with(LayerWindows windows) {
    return new Builder(windows);
  }

  /** By what is multiplied what attention adds. */
  float attentionFactor() {
    return factor(multipliers.branches().attention());
  }

  /** By what is multiplied what it adds that carries a state along. */
  float stateFactor() {
    return factor(multipliers.branches().states());
  }

  /** By what is multiplied what the feed-forward layer adds. */
  float feedForwardFactor() {
    return factor(multipliers.branches().feedForward());
  }

  /** The residual stream is kept as much smaller as embeddings are; 1 where gains do it. */
  private float factor(double branch) {
    return branchNorms.end().isPresent() ? 1 : (float) (branch / multipliers.embeddings());
  }

  /** Those of the last norm, by which logits are multiplied, too. */
  NormGains finalGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.logits());
  }

  /** The gains of most norms. */
  NormGains gains() {
    return new NormGains(norms.gainsLessOne(), 1);
  }

  /** Those of the norm that attention, and what carries a state along, begin with. */
  NormGains mixerGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.branches().mixerInput());
  }

  /** Those of the norm that the feed-forward layer begins with. */
  NormGains feedForwardGains() {
    return new NormGains(norms.gainsLessOne(), 1 / multipliers.branches().feedForwardInput());
  }

  /** Those of norms at the ends, by which what is added is multiplied, too. */
  NormGains endGains(double branch) {
    return new NormGains(norms.gainsLessOne(), multipliers.embeddings() / branch);
  }

  /** Collects what is told otherwise. */
  static final class Builder {
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
    private Norms norms = Norms.ROOT_MEAN_SQUARE;
    private Multipliers multipliers = Multipliers.NONE;
    private Softcaps softcaps = Softcaps.NONE;
    private boolean tied;
    private RotaryLayers rotaryLayers = RotaryLayers.all();
    private RotaryFrequencies.Turning turning = RotaryFrequencies.Turning.HALVES;
    private UnaryOperator<RotaryFrequencies> windowed = UnaryOperator.identity();
    private boolean outputGates;
    private LayerHeads heads = LayerHeads.ALIKE;
    private LayerStream stream = LayerStream.PLAIN;
    private OptionalInt wideFrom = OptionalInt.empty();
    private Optional<LatentTraits> latent = Optional.empty();
    private Optional<StateLayers> states = Optional.empty();
    private Optional<List<LayerPart>> parts = Optional.empty();
    private OptionalInt width = OptionalInt.empty();
    private Optional<ExpertTraits> experts = Optional.empty();
    private int draftLayers;

    private Builder(LayerWindows windows) {
      this.windows = windows;
    }

    Builder biases(boolean input, boolean output, boolean mlp) {
      inputBias = input;
      outputBias = output;
      mlpBias = mlp;
      return this;
    }

    Builder inputs(InputMaps maps) {
      inputs = maps;
      return this;
    }

    Builder byInput(boolean given) {
      byInput = given;
      return this;
    }

    /** Positions have embeddings of their own, and turn nothing. */
    Builder positions(String table) {
      positions = Optional.of(table);
      return rotaryLayers(RotaryLayers.none());
    }

    Builder fusedGates() {
      names = names.with(MapNames.fused("mlp.gate_up_proj", "mlp.down_proj"));
      return this;
    }

    Builder headBias() {
      headBias = true;
      return this;
    }

    Builder activation(ActivationFunction function) {
      activation = function;
      return this;
    }

    Builder names(PartNames given) {
      names = given;
      return this;
    }

    Builder sinks() {
      sinks = true;
      return this;
    }

    Builder headNorms(HeadNorms norms) {
      headNorms = norms;
      return this;
    }

    Builder branchNorms(BranchNorms norms) {
      branchNorms = norms;
      return this;
    }

    Builder norms(Norms given) {
      norms = given;
      return this;
    }

    Builder multipliers(Multipliers given) {
      multipliers = given;
      return this;
    }

    Builder softcaps(Softcaps given) {
      softcaps = given;
      return this;
    }

    Builder tied() {
      return tied(true);
    }

    Builder tied(boolean given) {
      tied = given;
      return this;
    }

    Builder rotaryLayers(RotaryLayers layers) {
      rotaryLayers = layers;
      return this;
    }

    Builder turning(RotaryFrequencies.Turning given) {
      turning = given;
      return this;
    }

    Builder windowed(UnaryOperator<RotaryFrequencies> turning) {
      windowed = turning;
      return this;
    }

    Builder outputGates() {
      outputGates = true;
      return this;
    }

    Builder heads(LayerHeads given) {
      heads = given;
      return this;
    }

    Builder stream(LayerStream given) {
      stream = given;
      return this;
    }

    Builder wideFrom(int layer) {
      wideFrom = OptionalInt.of(layer);
      return this;
    }

    Builder latent(LatentTraits given) {
      latent = Optional.of(given);
      return this;
    }

    Builder states(StateLayers given) {
      states = Optional.of(given);
      return this;
    }

    Builder parts(List<LayerPart> given) {
      parts = Optional.of(given);
      return this;
    }

    Builder width(int given) {
      width = OptionalInt.of(given);
      return this;
    }

    Builder experts(ExpertTraits given) {
      experts = Optional.of(given);
      return this;
    }

    Builder draftLayers(int layers) {
      draftLayers = layers;
      return this;
    }

    DecoderTraits build() {
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
          wideFrom,
          latent,
          states,
          parts,
          width,
          experts,
          draftLayers);
    }
  }
}

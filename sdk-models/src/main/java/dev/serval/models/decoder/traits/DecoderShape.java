package dev.serval.models.decoder.traits;

import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The sizes and numbers of a decoder-only transformer, checked against each other.
 *
 * @param vocabulary how many tokens there are
 * @param contextLength how many positions it was made for
 * @param hidden the width between layers
 * @param intermediate the width within a feed-forward layer; where all are of experts, within one
 * @param layers how many layers there are
 * @param heads query heads of a layer
 * @param kvHeads key and value heads of a layer
 * @param headDim dimensions of a head
 * @param epsilon what norms add to the mean square
 * @param tied whether the embedding table is also the head
 * @param rotary how positions turn heads
 * @param traits what sets the model apart
 */
public record DecoderShape(
    int vocabulary,
    int contextLength,
    int hidden,
    int intermediate,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    float epsilon,
    boolean tied,
    RotaryFrequencies rotary,
    DecoderTraits traits) {
  private static final String GELU_TANH = "gelu_pytorch_tanh";

  /** The same under all of its names. */
  private static final Set<String> TANH = Set.of(GELU_TANH, "gelu_new", "gelu_fast");

  private static final String ACTIVATION = "hidden_act";

  /** What the first configurations of some families call it in one of both fields. */
  private static final String GELU = "gelu";

  /** Reads what all families have in common; a family has read its traits before. */
  public static DecoderShape read(ModelConfig config, DecoderTraits traits) {
    checkActivation(config, traits.activation());
    int hidden = config.count("hidden_size");
    int heads = config.count("num_attention_heads");
    int kvHeads = traits.latent().isPresent() ? 1 : config.count("num_key_value_heads", heads);
    if (heads % kvHeads != 0) {
      throw config.refuse("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
    int headDim =
        traits.latent().map(LatentTraits::headDim).orElseGet(() -> headDim(config, hidden, heads));
    traits.latent().ifPresent(latent -> latent.check(config, heads));
    int turned =
        traits
            .latent()
            .map(LatentTraits::turned)
            .or(() -> traits.heads().full().map(HeadSizes::dim))
            .orElse(headDim);
    RotaryFrequencies rotary =
        traits.positions().isPresent()
            ? RotaryFrequencies.none()
            : RotaryFrequencies.read(config, turned, traits.turning());
    return new DecoderShape(
        config.count("vocab_size"),
        rotary.scaling().contextLength(config.count("max_position_embeddings")),
        hidden,
        intermediate(config, traits),
        traits.parts().map(List::size).orElseGet(() -> config.count("num_hidden_layers")),
        heads,
        kvHeads,
        headDim,
        config
            .optionalPositive(traits.norms().epsilon())
            .orElse(traits.norms().usual())
            .floatValue(),
        config.flag("tie_word_embeddings", traits.tied()),
        rotary,
        traits);
  }

  /** Where all layers are of experts, the width of dense ones is that of none. */
  private static int intermediate(ModelConfig config, DecoderTraits traits) {
    String dense = "intermediate_size";
    if (traits.width().isPresent() || traits.widths().isPresent()) {
      config.ignore(dense);
      return traits.width().orElseGet(() -> traits.widths().orElseThrow().applyAsInt(0));
    }
    Optional<ExpertTraits> everywhere =
        traits.experts().filter(experts -> experts.in(0) && !experts.beside());
    if (everywhere.isEmpty()) {
      return config.width(dense);
    }
    config.ignore(dense);
    return everywhere.get().inner();
  }

  private static void checkActivation(ModelConfig config, ActivationFunction function) {
    switch (function) {
      case GateFunction.SILU, GateFunction.SWIGLU_OAI ->
          config.choice(ACTIVATION, Set.of("silu", "swish"));
      case GateFunction.GELU_TANH -> {
        config.choice(ACTIVATION, Set.of(GELU_TANH, GELU));
        config.choice("hidden_activation", Set.of(GELU_TANH));
      }
      case UngatedFunction.GELU -> config.choice(ACTIVATION, Set.of(GELU));
      case UngatedFunction.GELU_TANH -> config.choice(ACTIVATION, TANH);
      case UngatedFunction.RELU_SQUARED -> config.choice(ACTIVATION, Set.of("relu2"));
      case UngatedFunction.TANH -> config.choice(ACTIVATION, Set.of("tanh"));
      case SparseGate sparse -> checkActivation(config, sparse.function());
    }
  }

  /** Which of both a family's model has that may have either. */
  public static UngatedFunction gelu(ModelConfig config, UngatedFunction usual) {
    Set<String> both = Stream.concat(TANH.stream(), Stream.of(GELU)).collect(Collectors.toSet());
    return config
        .choice(ACTIVATION, both)
        .map(name -> name.equals(GELU) ? UngatedFunction.GELU : UngatedFunction.GELU_TANH)
        .orElse(usual);
  }

  private static int headDim(ModelConfig config, int hidden, int heads) {
    if (!config.has("head_dim") && hidden % heads != 0) {
      throw config.refuse(
          "hidden_size", "a multiple of num_attention_heads, " + heads + ", or head_dim is given");
    }
    int headDim = config.count("head_dim", hidden / heads);
    if (headDim % 2 != 0) {
      throw config.refuse(
          config.has("head_dim") ? "head_dim" : "hidden_size",
          "what makes heads of an even number of dimensions, unlike " + headDim);
    }
    if (3L * heads * headDim > Integer.MAX_VALUE) {
      throw config.refuse(
          "num_attention_heads", "a number whose heads of " + headDim + " fit into 2^31 columns");
    }
    return headDim;
  }

  /** What norms of the residual stream add: it is kept as much smaller as embeddings are. */
  public float residualEpsilon() {
    double scale = traits.multipliers().embeddings();
    return (float) (epsilon / (scale * scale));
  }

  /** What a layer is that carries a state along; empty if it does not. */
  public Optional<StateTraits> state(int layer) {
    return traits.states().filter(states -> states.carry().get(layer)).map(StateLayers::traits);
  }

  /** Whether a layer has a part, of which it may have one alone. */
  public boolean has(LayerPart part, int layer) {
    return traits.parts().map(parts -> parts.get(layer) == part).orElse(true);
  }

  /** Whether a layer's feed-forward part is the same for all rows, beside experts or alone. */
  public boolean dense(int layer) {
    return has(LayerPart.FEED_FORWARD, layer)
        && traits.experts().filter(some -> some.in(layer) && !some.beside()).isEmpty();
  }

  /** How many layers below this one keep keys and values. */
  public int kvLayersBelow(int layer) {
    return (int) IntStream.range(0, layer).filter(this::attends).count();
  }

  /** The heads of a layer that attends. */
  public HeadSizes sizes(int layer) {
    boolean windowed = traits.windows().windowed().test(layer);
    return traits
        .heads()
        .full()
        .filter(_ -> !windowed)
        .orElseGet(() -> new HeadSizes(heads, kvHeads, headDim, false));
  }

  /** How many layers there are up to the last that stores what later tokens read. */
  public int keeping() {
    return layers - traits.heads().sharing();
  }

  /** Whether a layer attends to keys and values that another has stored. */
  public boolean shares(int layer) {
    return layer >= keeping();
  }

  /** Which layer of the cache has a layer's keys and values. */
  public int cacheLayer(int layer) {
    return kvLayersBelow(
        shares(layer) ? LayerHeads.keeper(traits.windows(), layer, keeping()) : layer);
  }

  /** What each layer that keeps keys and values has of a token. */
  public List<KvShape> kvLayers() {
    return IntStream.range(0, keeping()).filter(this::attends).mapToObj(this::kept).toList();
  }

  public boolean attends(int layer) {
    boolean both = traits.states().filter(StateLayers::attend).isPresent();
    return has(LayerPart.MIXER, layer) && (both || state(layer).isEmpty());
  }

  /**
   * Which positions queries of a layer see; all, where the window is no shorter than the context.
   */
  public AttentionWindow window(int layer) {
    AttentionWindow window = traits.windows().of(layer);
    return window.positions() < contextLength ? window : AttentionWindow.NONE;
  }

  private KvShape kept(int layer) {
    HeadSizes sizes = sizes(layer);
    return traits
        .latent()
        .map(latent -> new KvShape(1, latent.keyDim(), latent.rank()))
        .orElseGet(() -> new KvShape(sizes.kvHeads(), sizes.dim()))
        .within(window(layer));
  }

  /** The columns of what attention of a layer begins with. */
  public int attentionInputs(int layer) {
    HeadSizes sizes = sizes(layer);
    int stored = shares(layer) ? 0 : 2 * sizes.keyColumns();
    return traits
        .latent()
        .map(latent -> (heads + 1) * latent.keyDim())
        .orElse(sizes.queryColumns() + stored);
  }

  /** The columns of what it gives to its last map. */
  public int attentionOutputs(int layer) {
    return traits
        .latent()
        .map(latent -> heads * latent.valueDim())
        .orElse(sizes(layer).queryColumns());
  }

  /** How wide a layer's feed-forward part is within, if it has no experts. */
  public int intermediate(int layer) {
    return traits.widths().map(widths -> widths.applyAsInt(layer)).orElse(intermediate);
  }
}

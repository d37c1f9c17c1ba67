package dev.serval.models.family;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.GateFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.HeadSizes;
import dev.serval.models.decoder.traits.LayerHeads;
import dev.serval.models.decoder.traits.LayerStream;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Multipliers;
import dev.serval.models.decoder.traits.Softcaps;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Gemma 4 for texts: layers that see everything have larger heads than those with a window; values
 * are normalised, and may be what keys are made of; the last layers may attend to keys and values
 * of others; layers may have inputs of their own of each token, experts beside their dense part,
 * and multiply what they give.
 */
public final class Gemma4 extends DecoderFamily {
  private static final int PERIOD = 6;
  private static final String SHARING = "num_kv_shared_layers";

  /** Where that is for images, texts are read one way. */
  private static final String BOTH_WAYS = "use_bidirectional_attention";

  private static final int FULL_HEAD_DIM = 512;
  private static final String INPUTS = "hidden_size_per_layer_input";
  private static final String HEAD_DIM = "global_head_dim";

  /** There with or without experts. */
  private static final List<String> EXPERT_FIELDS =
      List.of("num_experts", "top_k_experts", "moe_intermediate_size");

  private static final String ROUTER = "router.proj";
  private static final String KV_HEADS = "num_global_key_value_heads";

  /** For the service loader. */
  public Gemma4() {
    super("gemma4", Set.of("Gemma4ForCausalLM"), Set.of("gemma4_text"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    if (config.isText(BOTH_WAYS)) {
      config.choice(BOTH_WAYS, Set.of("vision"));
    }
    LayerWindows windows = LayerWindows.butEvery(PERIOD, config);
    int layers = config.count("num_hidden_layers");
    LayerHeads heads = new LayerHeads(Optional.of(full(config)), true, sharing(config, windows));
    double theta = Gemma.windowTheta(config);
    int headDim = config.count("head_dim");
    DecoderTraits.Builder traits =
        DecoderTraits.with(windows)
            .activation(GateFunction.GELU_TANH)
            .headNorms(HeadNorms.EACH)
            .branchNorms(BranchNorms.BOTH)
            .multipliers(new Multipliers(1, 1, Optional.of(1.0), 1))
            .softcaps(softcaps(config))
            .heads(heads)
            .stream(stream(config))
            .windowed(rotary -> rotary.unscaled(theta, headDim))
            .tied();
    if (config.flag("use_double_wide_mlp", false)) {
      traits.wideFrom(layers - heads.sharing());
    }
    EXPERT_FIELDS.forEach(config::ignore);
    return config.flag("enable_moe_block", false)
        ? traits.experts(experts(config)).build()
        : traits.build();
  }

  private static ExpertTraits experts(ModelConfig config) {
    Names names = names(config);
    return ExpertTraits.read(
            config, "num_experts", "top_k_experts", "moe_intermediate_size", true, names)
        .besideDense();
  }

  /** GGUF files have each expert's tensors, its gate and up in one or two. */
  private static Names names(ModelConfig config) {
    if (config.flag("experts_joined", false)) {
      return new Names.Joined(ROUTER, "experts", "gate_up_proj", "down_proj");
    }
    return config.flag("experts_apart", false)
        ? new Names.Apart(ROUTER, "experts", "gate_proj", "up_proj", "down_proj")
        : new Names.Together(ROUTER, "experts.gate_up_proj", "experts.down_proj");
  }

  private static HeadSizes full(ModelConfig config) {
    int heads = config.count("num_attention_heads");
    int dim = config.count(HEAD_DIM, FULL_HEAD_DIM);
    if (dim % 2 != 0) {
      throw config.refuse(HEAD_DIM, "an even number");
    }
    boolean valuesOfKeys = config.flag("attention_k_eq_v", false);
    int usual = config.count("num_key_value_heads");
    int given = config.optionalCount(KV_HEADS).orElse(usual);
    int kvHeads = valuesOfKeys ? given : usual;
    if (heads % kvHeads != 0) {
      throw config.refuse(KV_HEADS, "a divisor of num_attention_heads, " + heads);
    }
    return new HeadSizes(heads, kvHeads, dim, valuesOfKeys);
  }

  /** Some layer below must have keys and values for each of those that have none. */
  private static int sharing(ModelConfig config, LayerWindows windows) {
    int layers = config.count("num_hidden_layers");
    int sharing = config.atLeast(SHARING, 0, 0);
    int keeping = layers - sharing;
    Set<Boolean> kinds = new HashSet<>();
    for (int layer = Math.max(0, keeping); layer < layers && kinds.size() < 2; layer++) {
      kinds.add(windows.windowed().test(layer));
      if (LayerHeads.keeper(windows, layer, keeping) < 0) {
        throw config.refuse(
            SHARING,
            "a number that leaves a layer with a window and one without below those that share");
      }
    }
    return sharing;
  }

  private static LayerStream stream(ModelConfig config) {
    config.ignore("vocab_size_per_layer_input");
    int inputs = config.atLeast(INPUTS, 0, 0);
    int layers = config.count("num_hidden_layers");
    if ((long) inputs * layers > Integer.MAX_VALUE) {
      throw config.refuse(INPUTS, "a number of which %d fit into 2^31 columns".formatted(layers));
    }
    return new LayerStream(
        Math.sqrt(config.count("hidden_size")),
        inputs == 0 ? OptionalInt.empty() : OptionalInt.of(inputs),
        config.flag("layer_scalars", true));
  }

  private static Softcaps softcaps(ModelConfig config) {
    float logits =
        config
            .optionalPositive("final_logit_softcapping")
            .map(Double::floatValue)
            .orElse(AttentionSpec.NO_SOFTCAP);
    return new Softcaps(AttentionSpec.NO_SOFTCAP, logits);
  }
}

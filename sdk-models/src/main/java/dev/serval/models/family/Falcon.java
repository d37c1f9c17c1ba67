package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.InputMaps;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.OuterNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Map;
import java.util.Set;

/**
 * Falcon (<a href="https://arxiv.org/abs/2311.16867">arXiv:2311.16867</a>): attention and the
 * feed-forward layer begin with the same norm, which is from the mean, or, in larger models, with
 * one each; there are no gates; the first models have one key head.
 */
public final class Falcon extends DecoderFamily {
  private static final PartNames NAMES =
      PartNames.of(
              "self_attention.dense",
              MapNames.ungated("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
              "transformer.ln_f")
          .with(
              new OuterNames("transformer.word_embeddings", "transformer.h.", "lm_head"),
              "self_attention.query_key_value");

  private static final Map<String, String> FIELDS =
      Map.of("hidden_act", "activation", "intermediate_size", "ffn_hidden_size");

  private static final String INPUT = "input_layernorm";
  private static final int WIDENING = 4;
  private static final int CONTEXT = 2048;

  /** For the service loader. */
  public Falcon() {
    super("falcon", Set.of("FalconForCausalLM"), Set.of("falcon"));
  }

  /**
   * What is ignored points to code of this architecture's own, or says the width of feed-forward
   * layers in other words. GGUF's converters bring all queries together, and all keys and all
   * values; what has two norms has the feed-forward layer's under the name of one alone there.
   */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    boolean later = config.flag("new_decoder_architecture", false);
    config.rename(FIELDS);
    config.ignore("auto_map");
    config.ignore("ff_factor");
    if (config.flag("multi_query", true) && !later) {
      oneKeyHead(config);
    } else {
      config.rename(Map.of("num_key_value_heads", "num_kv_heads"));
    }
    config.usual("intermediate_size", (long) WIDENING * config.count("hidden_size"));
    config.usual("max_position_embeddings", CONTEXT);
    boolean bias = config.flag("bias", false);
    boolean together = config.flag("qkv_together", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, bias)
        .inputs(together ? InputMaps.TOGETHER : InputMaps.BY_GROUP)
        .activation(DecoderShape.gelu(config, UngatedFunction.GELU))
        .names(NAMES)
        .norms(RowNorms.centred(true, "layer_norm_epsilon"))
        .branchNorms(norms(config, later, together ? INPUT : "ln_mlp"))
        .tied()
        .build();
  }

  /** Whatever is said of their number. */
  private static void oneKeyHead(ModelConfig config) {
    config.ignore("num_kv_heads");
    config.usual("num_key_value_heads", 1);
  }

  private static BranchNorms norms(ModelConfig config, boolean later, String feedForward) {
    int norms = config.count("num_ln_in_parallel_attn", later ? 2 : 1);
    boolean beside = config.flag("parallel_attn", true);
    if (later && !beside) {
      throw config.refuse("parallel_attn", "true, since new_decoder_architecture is");
    }
    if (norms > (later ? 2 : 1)) {
      throw config.refuse("num_ln_in_parallel_attn", later ? "1 or 2" : "1");
    }
    if (norms == 2) {
      return BranchNorms.start("ln_attn", feedForward).besides();
    }
    return beside ? BranchNorms.one(INPUT) : BranchNorms.START;
  }
}

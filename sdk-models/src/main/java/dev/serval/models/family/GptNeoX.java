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
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Map;
import java.util.Set;

/**
 * GPT-NeoX (<a href="https://arxiv.org/abs/2204.06745">arXiv:2204.06745</a>) and Pythia: attention
 * and the feed-forward layer begin with a norm each of what their layer begins with; there are no
 * gates, and biases; a quarter of a head is turned.
 */
public final class GptNeoX extends DecoderFamily {
  private static final PartNames NAMES =
      PartNames.of(
              "attention.dense",
              MapNames.ungated("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
              "gpt_neox.final_layer_norm")
          .with(
              new OuterNames("gpt_neox.embed_in", "gpt_neox.layers.", "embed_out"),
              "attention.query_key_value");

  private static final Map<String, String> FIELDS =
      Map.of("rope_theta", "rotary_emb_base", "partial_rotary_factor", "rotary_pct");

  /** For the service loader. */
  public GptNeoX() {
    super("gpt_neox", Set.of("GPTNeoXForCausalLM"), Set.of("gpt_neox"));
  }

  /** GGUF's converters bring all queries together, and all keys and all values. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.rename(FIELDS);
    boolean beside = config.flag("use_parallel_residual", true);
    boolean bias = config.flag("attention_bias", true);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, true)
        .inputs(config.flag("qkv_together", false) ? InputMaps.TOGETHER : InputMaps.BY_GROUP)
        .activation(DecoderShape.gelu(config, UngatedFunction.GELU))
        .names(NAMES)
        .norms(RowNorms.centred(true, "layer_norm_eps"))
        .branchNorms(beside ? BranchNorms.START.besides() : BranchNorms.START)
        .turning(Turning.QUARTER)
        .build();
  }
}

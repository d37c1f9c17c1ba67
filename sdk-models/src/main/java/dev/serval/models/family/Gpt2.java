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
 * GPT-2 (Radford et al., Language Models are Unsupervised Multitask Learners, 2019): positions have
 * embeddings of their own; norms are from the mean; there are no gates, and biases everywhere. Its
 * maps are stored with a row for each input, but for those that GGUF's converters have transposed.
 */
public final class Gpt2 extends DecoderFamily {
  /** What the checkpoints that were first published leave out of names. */
  private static final String PREFIX = "transformer.";

  private static final int WIDENING = 4;

  private static final Map<String, String> FIELDS =
      Map.of(
          "hidden_size", "n_embd",
          "intermediate_size", "n_inner",
          "num_hidden_layers", "n_layer",
          "num_attention_heads", "n_head",
          "max_position_embeddings", "n_positions",
          "hidden_act", "activation_function");

  /** For the service loader. */
  public Gpt2() {
    super("gpt2", Set.of("GPT2LMHeadModel"), Set.of("gpt2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    config.ignore("reorder_and_upcast_attn");
    return common(config, UngatedFunction.GELU_TANH)
        .inputs(InputMaps.TOGETHER)
        .byInput(config.flag("maps_by_input", true))
        .build();
  }

  /** What it has in common with those that were made from it. */
  static DecoderTraits.Builder common(ModelConfig config, UngatedFunction usual) {
    config.rename(FIELDS);
    config.usual("intermediate_size", (long) WIDENING * config.count("hidden_size"));
    config.ignore("n_ctx");
    String prefix = config.stores("wte.weight") ? "" : PREFIX;
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(true, true, true)
        .activation(DecoderShape.gelu(config, usual))
        .names(names(prefix))
        .norms(RowNorms.centred(true, "layer_norm_epsilon"))
        .branchNorms(BranchNorms.start("ln_1", "ln_2"))
        .positions(prefix + "wpe")
        .tied();
  }

  private static PartNames names(String prefix) {
    return PartNames.of("attn.c_proj", MapNames.ungated("mlp.c_fc", "mlp.c_proj"), prefix + "ln_f")
        .with(new OuterNames(prefix + "wte", prefix + "h.", "lm_head"), "attn.c_attn");
  }
}

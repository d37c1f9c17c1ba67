package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.DeltaNetTraits;
import dev.serval.models.decoder.traits.DeltaNetTraits.Inputs;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.OutputGates;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.Set;

/**
 * Qwen 3.5: three of four layers are gated delta networks (<a
 * href="https://arxiv.org/abs/2412.06464">arXiv:2412.06464</a>), the others attend and let through
 * what this gives by gates of each head; gains of norms are stored less 1, and positions turn a
 * quarter of each head.
 */
public final class Qwen35 extends DecoderFamily {
  private static final String OUTPUT_GATE = "attn_output_gate";

  /** For the service loader. */
  public Qwen35() {
    super("qwen3_5", Set.of("Qwen3_5ForCausalLM"), Set.of("qwen3_5_text"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return common(config, Inputs.APART).build();
  }

  /** What those with experts have in common with it, and Qwen3-Next before it. */
  static DecoderTraits.Builder common(ModelConfig config, Inputs inputs) {
    config.allowOnly(true, OUTPUT_GATE);
    config.ignore("mamba_ssm_dtype");
    config.ignore("mtp_use_dedicated_embeddings");
    boolean bias = config.flag("attention_bias", false);
    boolean lessOne = config.flag("norm_gains_less_one", true);
    return DecoderTraits.with(LayerWindows.ofSome())
        .biases(bias, bias, false)
        .headNorms(HeadNorms.EACH)
        .norms(RowNorms.ROOT_MEAN_SQUARE.lessOne(lessOne))
        .turning(Turning.QUARTER)
        .outputGates(OutputGates.BEHIND_QUERIES)
        .states(DeltaNetTraits.read(config, inputs))
        .draftLayers(config.atLeast("mtp_num_hidden_layers", 0, 0));
  }
}

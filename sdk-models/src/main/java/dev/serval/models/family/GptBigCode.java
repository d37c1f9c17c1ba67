package dev.serval.models.family;

import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.InputMaps;
import java.util.List;
import java.util.Set;

/**
 * SantaCoder and StarCoder (<a href="https://arxiv.org/abs/2305.06161">arXiv:2305.06161</a>): as
 * GPT-2, but all query heads attend to one key head.
 */
public final class GptBigCode extends DecoderFamily {
  private static final List<String> IGNORED =
      List.of(
          "attention_softmax_in_fp32",
          "scale_attention_softmax_in_fp32",
          "validate_runner_input",
          "inference_runner",
          "max_batch_size",
          "max_sequence_length",
          "pad_key_length",
          "pre_allocate_kv_cache");

  /** For the service loader. */
  public GptBigCode() {
    super("gpt_bigcode", Set.of("GPTBigCodeForCausalLM"), Set.of("gpt_bigcode"));
  }

  /** What is ignored says how attention is computed. */
  @Override
  protected DecoderTraits traits(ModelConfig config) {
    IGNORED.forEach(config::ignore);
    DecoderTraits.Builder traits = Gpt2.common(config, UngatedFunction.GELU_TANH);
    if (config.flag("multi_query", true)) {
      config.usual("num_key_value_heads", 1);
    }
    return traits.inputs(InputMaps.BY_GROUP).build();
  }
}

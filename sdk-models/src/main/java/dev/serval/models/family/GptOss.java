package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.ExpertTraits;
import dev.serval.models.decoder.traits.ExpertTraits.Names;
import dev.serval.models.decoder.traits.LayerWindows;
import java.util.List;
import java.util.Set;

/**
 * gpt-oss: experts with biases and a gate of their own in all feed-forward layers, a window in
 * every other layer, and heads with a sink.
 */
public final class GptOss extends DecoderFamily {
  private static final Names NAMES = new Names.Apart("mlp.router");

  /** Of the context before it was extended, and another name of num_experts_per_tok. */
  private static final List<String> OF_NO_USE =
      List.of("initial_context_length", "experts_per_token");

  /** For the service loader. */
  public GptOss() {
    super("gptoss", Set.of("GptOssForCausalLM"), Set.of("gpt_oss"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    OF_NO_USE.forEach(config::ignore);
    GateFunction gate = GateFunction.SWIGLU_OAI;
    if (config.optionalPositive("swiglu_limit").orElse((double) gate.limit()) != gate.limit()) {
      throw config.refuse("swiglu_limit", gate.limit() + " or none");
    }
    boolean bias = config.flag("attention_bias", true);
    return DecoderTraits.with(LayerWindows.butEvery(2, config))
        .biases(bias, bias, true)
        .activation(gate)
        .sinks()
        .experts(ExpertTraits.read(config, "num_local_experts", "intermediate_size", true, NAMES))
        .build();
  }
}

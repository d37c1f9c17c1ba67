package dev.serval.models.family;

import dev.serval.api.compute.GateFunction;
import dev.serval.models.family.ExpertTraits.Names;
import java.util.Set;

/**
 * gpt-oss: experts with biases and a gate of their own in all feed-forward layers, a window in
 * every other layer, and heads with a sink.
 */
public final class GptOss extends DecoderFamily {
  private static final Names NAMES = new Names.Apart("mlp.router");

  /** For the service loader. */
  public GptOss() {
    super("gptoss", Set.of("GptOssForCausalLM"), Set.of("gpt_oss"));
  }

  @Override
  DecoderTraits traits(ModelConfig config) {
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

package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;
import java.util.Map;

/** gpt-oss. */
final class GptOss {
  private static final Map<String, String> ROUTER = Map.of("ffn_gate_inp", "mlp.router");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gpt-oss", "GptOssForCausalLM", "gpt_oss")
              .names(OwnNames.POST_ATTENTION)
              .names(ROUTER)
              .window(Windows::any)
              .experts(OwnNames.EXPERTS, Experts::ofOneWidth)
              .own(Windows::required));

  private GptOss() {}
}

package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;
import java.util.Map;

/** Phi 2 to 4. */
final class Phi {
  private static final Map<String, String> PHI2 =
      Map.of(
          "attn_output", "self_attn.dense",
          "ffn_up", "mlp.fc1",
          "ffn_down", "mlp.fc2",
          "output_norm", "model.final_layernorm");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("phi2", "PhiForCausalLM", "phi")
              .centred("layer_norm_eps")
              .activation("gelu_new")
              .otherwiseBiased()
              .names(PHI2),
          Description.of("phi3", "Phi3ForCausalLM", "phi3")
              .names(OwnNames.JOINED)
              .window(Windows::any));

  private Phi() {}
}

package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** Command R. */
final class Cohere {
  static final List<Architecture> ALL =
      Description.all(
          commandR("command-r", "CohereForCausalLM", "cohere"),
          commandR("cohere2", "Cohere2ForCausalLM", "cohere2").window(Windows::ofSomeLayers));

  private Cohere() {}

  private static Description commandR(String key, String model, String modelType) {
    return Description.of(key, model, modelType)
        .positions(Positions.NEIGHBOURS)
        .centred("layer_norm_eps")
        .translates(Keys.LOGIT_SCALE)
        .own((stored, fields) ->
            fields.put("logit_scale", stored.metadata().requireReal(Keys.LOGIT_SCALE)));
  }
}

package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** EXAONE 3, which is a Llama under other names, EXAONE 4, and K-EXAONE with experts. */
final class Exaone {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("exaone", "LlamaForCausalLM", "llama"),
          Description.of("exaone4", "Exaone4ForCausalLM", "exaone4")
              .names(OwnNames.END_NORMS)
              .window(Windows::ofSomeLayers),
          Description.of("exaone-moe", "ExaoneMoEForCausalLM", "exaone_moe")
              .names(OwnNames.SHARED_EXPERTS)
              .window(Windows::ofSomeLayers)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS)
              .translates(Keys.DRAFT_LAYERS)
              .own((model, fields) -> fields.put("num_nextn_predict_layers", model.draftLayers())));

  private Exaone() {}
}

package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** EXAONE 3, which is a Llama under other names, and EXAONE 4. */
final class Exaone {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("exaone", "LlamaForCausalLM", "llama"),
          Description.of("exaone4", "Exaone4ForCausalLM", "exaone4")
              .names(OwnNames.END_NORMS)
              .window(Windows::ofSomeLayers));

  private Exaone() {}
}

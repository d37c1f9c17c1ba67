package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** Mellum 2, where each layer is said to have a window or none. */
final class Mellum {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("mellum", "MellumForCausalLM", "mellum")
              .names(OwnNames.ROUTER)
              .window(Windows::ofEachLayer)
              .experts(OwnNames.EXPERTS, Qwen::experts3));

  private Mellum() {}
}

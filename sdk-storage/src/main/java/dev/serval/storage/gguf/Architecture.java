package dev.serval.storage.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The architectures that are translated, under the format's names in lower case. */
enum Architecture {
  /**
   * Llama and Mistral. Its converters reorder the rows of queries and keys so that elements that
   * are turned together are neighbours.
   */
  LLAMA("LlamaForCausalLM", true),
  QWEN2("Qwen2ForCausalLM", false),
  QWEN3("Qwen3ForCausalLM", false);

  private final String model;
  private final boolean interleaved;

  Architecture(String model, boolean interleaved) {
    this.model = model;
    this.interleaved = interleaved;
  }

  static Optional<Architecture> named(String name) {
    return Arrays.stream(values()).filter(one -> one.key().equals(name)).findFirst();
  }

  static String names() {
    return Arrays.stream(values()).map(Architecture::key).collect(Collectors.joining(", "));
  }

  /** What its keys begin with, and what Hugging Face calls {@code model_type}. */
  String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What Hugging Face lists in {@code architectures}. */
  String model() {
    return model;
  }

  /** Whether elements that are turned together are neighbours, and not half a head apart. */
  boolean interleaved() {
    return interleaved;
  }
}

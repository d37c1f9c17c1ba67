package dev.serval.storage.gguf.architecture;

/** A part of the translation: puts fields that a model has. */
@FunctionalInterface
interface Step {
  void translate(StoredModel model, Fields fields);
}

package dev.serval.storage.gguf.architecture;

/** A part of the translation: puts fields that a model has. */
@FunctionalInterface
public interface Step {
  void translate(StoredModel model, Fields fields);
}

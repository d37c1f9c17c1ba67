package dev.serval.runtime;

import dev.serval.api.ServedModel;
import dev.serval.api.model.ChatTemplate;
import dev.serval.api.model.Tokenizer;
import dev.serval.api.storage.ArtefactDigest;
import java.time.Instant;
import java.util.Optional;

/**
 * A model under one of its names.
 *
 * @param name the name
 * @param since when it began to be served
 * @param deployment the model, wherever it is
 */
record NamedModel(String name, Instant since, Deployment deployment) implements ServedModel {
  /** The model where it is at the moment. */
  LoadedModel loaded() {
    return deployment.loaded();
  }

  @Override
  public String root() {
    return loaded().stored().checkpoint().root();
  }

  @Override
  public String family() {
    return loaded().stored().spec().family();
  }

  @Override
  public int contextLength() {
    return loaded().contextLength();
  }

  @Override
  public ArtefactDigest digest() {
    return loaded().stored().checkpoint().digest();
  }

  @Override
  public Tokenizer tokenizer() {
    return loaded().stored().codec().tokenizer();
  }

  @Override
  public Optional<ChatTemplate> chatTemplate() {
    return loaded().stored().codec().chatTemplate();
  }

  @Override
  public String toString() {
    return name;
  }
}

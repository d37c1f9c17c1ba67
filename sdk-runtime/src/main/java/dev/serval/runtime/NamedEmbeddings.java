package dev.serval.runtime;

import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.storage.ArtefactDigest;
import java.time.Instant;

/**
 * An embedding model under one of its names.
 *
 * @param name the name
 * @param since when it began to be served
 * @param loaded the model
 */
record NamedEmbeddings(String name, Instant since, LoadedEmbeddings loaded)
    implements ServedEmbeddingModel {
  @Override
  public String root() {
    return loaded.source().path().toString();
  }

  @Override
  public int dimensions() {
    return loaded.model().dimensions();
  }

  @Override
  public int maxTokens() {
    return loaded.model().maxTokens();
  }

  @Override
  public ArtefactDigest digest() {
    return loaded.model().digest();
  }

  @Override
  public String toString() {
    return name;
  }
}

package dev.serval.server.echo;

import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.storage.ArtefactDigest;
import java.time.Instant;

/** An embedding model whose vectors a test makes. */
record EchoEmbeddings(String name) implements ServedEmbeddingModel {
  @Override
  public String root() {
    return "/models/" + name;
  }

  @Override
  public int dimensions() {
    return 3;
  }

  @Override
  public int maxTokens() {
    return 100;
  }

  @Override
  public Instant since() {
    return Instant.ofEpochSecond(1_700_000_000);
  }

  @Override
  public ArtefactDigest digest() {
    return ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]);
  }
}

package dev.serval.api;

import dev.serval.api.storage.ArtefactDigest;
import java.time.Instant;

/** An embedding model that a runtime serves. Usable from any thread. */
public interface ServedEmbeddingModel {
  /**
   * The name that requests use.
   *
   * @return the served name
   */
  String name();

  /**
   * Where it was loaded from.
   *
   * @return its place as it was given
   */
  String root();

  /**
   * How long its vectors are.
   *
   * @return the dimensions
   */
  int dimensions();

  /**
   * How long a text may be.
   *
   * @return the tokens, those that the model puts around each text included
   */
  int maxTokens();

  /**
   * When it began to be served.
   *
   * @return the moment
   */
  Instant since();

  /**
   * The bytes it was loaded from.
   *
   * @return the digest over weights and tokenizer
   */
  ArtefactDigest digest();
}

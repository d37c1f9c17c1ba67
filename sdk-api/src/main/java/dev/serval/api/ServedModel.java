package dev.serval.api;

import dev.serval.api.model.ChatTemplate;
import dev.serval.api.model.Tokenizer;
import java.time.Instant;
import java.util.Optional;

/** A model that a runtime serves. Usable from any thread for as long as the runtime is open. */
public interface ServedModel {
  /**
   * The name that requests use.
   *
   * @return the served name
   */
  String name();

  /**
   * Where it was loaded from.
   *
   * @return the checkpoint's place as it was given
   */
  String root();

  /**
   * The family whose forward pass runs it.
   *
   * @return the family's name, such as {@code llama}
   */
  String family();

  /**
   * How many tokens prompt and completion may have together.
   *
   * @return the limit: the model's own or what the KV cache holds, whichever is less
   */
  int contextLength();

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
  dev.serval.api.storage.ArtefactDigest digest();

  /**
   * Its tokenizer.
   *
   * @return the tokenizer
   */
  Tokenizer tokenizer();

  /**
   * Its chat template.
   *
   * @return the template; empty if the checkpoint has none, and then it cannot converse
   */
  Optional<ChatTemplate> chatTemplate();
}

package dev.serval.api.model;

import java.util.Optional;

/**
 * How a checkpoint's model reads and writes text. Whoever read it closes it, after the last use of
 * its parts.
 *
 * @param tokenizer its tokenizer
 * @param chatTemplate its chat template; empty if the checkpoint has none
 */
public record TextCodec(Tokenizer tokenizer, Optional<ChatTemplate> chatTemplate)
    implements AutoCloseable {
  /** Closes the tokenizer. */
  @Override
  public void close() {
    tokenizer.close();
  }
}

package dev.serval.api.model;

import dev.serval.api.Prompt;
import java.util.Optional;

/**
 * How a checkpoint's model reads and writes text. Whoever read it closes it, after the last use of
 * its parts.
 *
 * @param tokenizer its tokenizer
 * @param chatTemplate its chat template; empty if the checkpoint has none
 * @param reasoning how it tells what it thinks from what it answers; empty if it does not
 */
public record TextCodec(
    Tokenizer tokenizer, Optional<ChatTemplate> chatTemplate, Optional<ReasoningFormat> reasoning)
    implements AutoCloseable {
  /**
   * Of a model that does not think before it answers.
   *
   * @param tokenizer its tokenizer
   * @param chatTemplate its chat template; empty if the checkpoint has none
   */
  public TextCodec(Tokenizer tokenizer, Optional<ChatTemplate> chatTemplate) {
    this(tokenizer, chatTemplate, Optional.empty());
  }

  /**
   * Starts decoding what the model says to a prompt. In conversations alone is a thought told from
   * the answer: what continues a text or tokens is text.
   *
   * @param prompt the prompt
   * @param tokens its tokens; not changed
   * @return a new decoder, for one thread at a time
   */
  public AnswerDecoder decoder(Prompt prompt, int[] tokens) {
    return reasoning
        .filter(_ -> prompt instanceof Prompt.Chat)
        .map(format -> format.decoder(tokenizer, tokens))
        .orElseGet(() -> AnswerDecoder.plain(tokenizer.decoder()));
  }

  /** Closes the tokenizer. */
  @Override
  public void close() {
    tokenizer.close();
  }
}

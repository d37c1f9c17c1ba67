package dev.serval.api.model;

/**
 * How a model that thinks before it answers tells one from the other, by tokens of its own. Usable
 * from any thread.
 */
@FunctionalInterface
public interface ReasoningFormat {
  /**
   * Starts decoding what the model says next in a conversation.
   *
   * @param tokenizer decodes the texts
   * @param prompt the conversation's tokens, which may have begun the thought; not changed
   * @return a new decoder, for one thread at a time
   */
  AnswerDecoder decoder(Tokenizer tokenizer, int[] prompt);
}

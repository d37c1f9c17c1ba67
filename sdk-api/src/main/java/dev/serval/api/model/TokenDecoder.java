package dev.serval.api.model;

/**
 * Decodes a sequence as it grows. The texts it gives, put together, are the text of the whole; none
 * of them ends within a character. For one thread at a time.
 */
public interface TokenDecoder {
  /**
   * Takes the next token.
   *
   * @param id the token; special tokens give no text
   * @return the text that is now certain; empty while a character is incomplete
   * @throws dev.serval.api.InvalidRequestException when the id is outside the vocabulary
   */
  String next(int id);

  /**
   * Ends the sequence.
   *
   * @return what was held back; bytes that form no character show as U+FFFD
   */
  String finish();
}

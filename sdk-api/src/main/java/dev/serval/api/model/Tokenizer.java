package dev.serval.api.model;

import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Turns text into a model's tokens and back. Usable from any thread, until whoever read it from its
 * checkpoint closes it; using it afterwards is an {@link IllegalStateException}.
 */
public interface Tokenizer extends AutoCloseable {
  /**
   * How many ids it knows.
   *
   * @return one more than the largest id
   */
  int vocabulary();

  /**
   * Encodes a text. Special tokens spelt out in the text are taken as such, as chat templates need
   * it.
   *
   * @param text the text
   * @param addSpecialTokens whether to add what the tokenizer puts around a text of its own, such
   *     as a beginning-of-sequence token; chat templates spell these out themselves
   * @return the token ids
   * @throws dev.serval.api.InvalidRequestException when the text has half of a surrogate pair
   */
  int[] encode(String text, boolean addSpecialTokens);

  /**
   * Decodes tokens to text.
   *
   * @param ids the tokens
   * @param skipSpecialTokens whether to leave special tokens out
   * @return the text; bytes that form no character show as U+FFFD
   * @throws dev.serval.api.InvalidRequestException when an id is outside the vocabulary
   */
  String decode(List<Integer> ids, boolean skipSpecialTokens);

  /**
   * The text of one token alone.
   *
   * @param id the token
   * @return its text; a part of a character shows as U+FFFD
   * @throws dev.serval.api.InvalidRequestException when the id is outside the vocabulary
   */
  String text(int id);

  /**
   * Whether a token is special: not part of any text.
   *
   * @param id the token
   * @return true for special tokens
   */
  boolean special(int id);

  /**
   * The tokens that end a sequence, as the checkpoint says.
   *
   * @return their ids; empty if it names none
   */
  Set<Integer> endOfSequence();

  /**
   * The token that begins a sequence.
   *
   * @return its id, empty if the checkpoint names none
   */
  OptionalInt beginningOfSequence();

  /**
   * Starts decoding a sequence token by token.
   *
   * @return a new decoder, for one thread at a time
   */
  TokenDecoder decoder();

  /**
   * Gives native memory back, if there is any; waits for calls under way. Closing again does
   * nothing.
   */
  @Override
  default void close() {}
}

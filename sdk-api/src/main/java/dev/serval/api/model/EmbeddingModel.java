package dev.serval.api.model;

import dev.serval.api.Bytes;
import dev.serval.api.batching.TensorModel;
import dev.serval.api.storage.ArtefactDigest;

/**
 * A model that turns a text's tokens into one vector. {@link #run} is called on one thread at a
 * time; all else on any. Whoever opened it closes it, after the last call.
 */
public interface EmbeddingModel extends TensorModel<int[], float[]>, AutoCloseable {
  /**
   * Encodes a text, with the tokens that the model wants around it.
   *
   * @param text the text
   * @return the tokens, however many
   */
  int[] encode(String text);

  /**
   * Shortens an encoded text, keeping the tokens around it.
   *
   * @param tokens what {@link #encode} gave
   * @param length how many tokens to keep
   * @return as many tokens at most
   */
  int[] truncate(int[] tokens, int length);

  /**
   * How long an encoded text may be.
   *
   * @return the number of tokens
   */
  int maxTokens();

  /**
   * How long a vector is.
   *
   * @return the number of its dimensions
   */
  int dimensions();

  /**
   * Whether a text's vector is the same whatever else is in its batch. One whose vectors are not is
   * only ever given batches of one.
   *
   * @return true if texts may go together
   */
  boolean batchable();

  /**
   * The bytes it was loaded from.
   *
   * @return the digest over weights and tokenizer
   */
  ArtefactDigest digest();

  /**
   * How much memory its weights take.
   *
   * @return the amount
   */
  Bytes weights();

  /**
   * What computes it and how, on one line.
   *
   * @return the description
   */
  String description();

  /** Gives its memory and threads back. Closing again does nothing. */
  @Override
  void close();
}

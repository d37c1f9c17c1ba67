package dev.serval.api.batching;

import java.util.List;

/**
 * A model without a token loop: embeddings, classifiers, rerankers. One call maps many inputs to as
 * many outputs, and computing many at once is cheaper than one after the other. An input's output
 * must not depend on what stands beside it in its batch, but for the rounding of sums.
 *
 * @param <I> what it takes
 * @param <O> what it gives
 */
public interface TensorModel<I, O> {
  /**
   * Computes a batch. Called on the batcher's thread, one batch at a time.
   *
   * @param inputs the batch, at least one
   * @return an output for each input, in their order
   * @throws Exception when the batch cannot be computed; the inputs are then tried one by one, so
   *     that one that is at fault fails alone
   */
  List<O> run(List<I> inputs) throws Exception;

  /**
   * How long an input is. A batch is padded to its longest input, so inputs of like length go
   * together. Called on the submitting thread.
   *
   * @param input the input
   * @return its length in the model's own unit, such as tokens; at least 0
   */
  int length(I input);
}

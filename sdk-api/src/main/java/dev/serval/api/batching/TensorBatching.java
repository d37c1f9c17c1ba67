package dev.serval.api.batching;

import java.time.Duration;
import java.util.List;

/**
 * How calls of a {@link TensorModel} are put together to batches. Immutable; each {@code with}
 * method gives a changed copy.
 *
 * @param maxBatch the most inputs of a batch, at least 1
 * @param maxBatchLength the most that a batch may be long, each of its inputs as long as the
 *     longest; an input that is longer goes alone. It bounds the memory of a batch, at least 1
 * @param maxDelay the longest an input waits for company while the model is idle; how long it does
 *     wait is found by measuring, and is nothing for a lone caller. {@link Duration#ZERO} for never
 * @param maxWaiting the most inputs that may wait, at least 1; more are refused
 * @param preferredSizes batch sizes the model runs best at, ascending and at most {@code maxBatch};
 *     a batch is cut to one of them when more inputs wait; empty for no preference
 * @param maxPadding the most of an input's padded length that may be padding, 0 to below 1: inputs
 *     go together only if the shortest is no shorter than this leaves of the longest
 * @param agingStep how much earlier a call may come and still be overtaken by one whose priority is
 *     a step more urgent; so whoever waits is not overtaken for ever. Above zero, at most a day
 */
public record TensorBatching(
    int maxBatch,
    int maxBatchLength,
    Duration maxDelay,
    int maxWaiting,
    List<Integer> preferredSizes,
    double maxPadding,
    Duration agingStep) {
  private static final Duration DAY = Duration.ofDays(1);

  /**
   * Up to 32 inputs and 4,096 tokens, at most 5 ms for company, at most 4,096 waiting, no preferred
   * sizes, a quarter of padding, a second for each step of priority.
   */
  public static final TensorBatching DEFAULT =
      new TensorBatching(
          32, 4096, Duration.ofMillis(5), 4096, List.of(), 0.25, Duration.ofSeconds(1));

  /**
   * Refuses what cannot be or contradicts itself, naming the option.
   *
   * @throws IllegalArgumentException with the option, its value and what is allowed
   */
  public TensorBatching {
    preferredSizes = List.copyOf(preferredSizes);
    check(maxBatch >= 1, "maxBatch is at least 1, not " + maxBatch);
    check(maxBatchLength >= 1, "maxBatchLength is at least 1, not " + maxBatchLength);
    check(
        !maxDelay.isNegative() && maxDelay.compareTo(DAY) <= 0,
        "maxDelay lies between zero and a day, unlike " + maxDelay);
    check(maxWaiting >= 1, "maxWaiting is at least 1, not " + maxWaiting);
    check(
        maxPadding >= 0 && maxPadding < 1,
        "maxPadding lies between 0 and below 1, unlike " + maxPadding);
    check(
        agingStep.isPositive() && agingStep.compareTo(DAY) <= 0,
        "agingStep lies above zero and up to a day, unlike " + agingStep);
    int before = 0;
    for (int size : preferredSizes) {
      check(
          size > before && size <= maxBatch,
          "preferredSizes ascend from 1 to maxBatch (" + maxBatch + "), unlike " + preferredSizes);
      before = size;
    }
  }

  /**
   * With other bounds of a batch.
   *
   * @param inputs the most inputs
   * @param length the most length, padding included
   * @return the changed copy
   */
  public TensorBatching withMaxBatch(int inputs, int length) {
    return new TensorBatching(
        inputs, length, maxDelay, maxWaiting, preferredSizes, maxPadding, agingStep);
  }

  /**
   * With another bound on waiting for company.
   *
   * @param value the longest that an input waits while the model is idle
   * @return the changed copy
   */
  public TensorBatching withMaxDelay(Duration value) {
    return new TensorBatching(
        maxBatch, maxBatchLength, value, maxWaiting, preferredSizes, maxPadding, agingStep);
  }

  /**
   * With another bound on those that wait.
   *
   * @param inputs the most inputs
   * @return the changed copy
   */
  public TensorBatching withMaxWaiting(int inputs) {
    return new TensorBatching(
        maxBatch, maxBatchLength, maxDelay, inputs, preferredSizes, maxPadding, agingStep);
  }

  /**
   * With sizes that the model runs best at.
   *
   * @param sizes the sizes, ascending
   * @return the changed copy
   */
  public TensorBatching withPreferredSizes(Integer... sizes) {
    return new TensorBatching(
        maxBatch, maxBatchLength, maxDelay, maxWaiting, List.of(sizes), maxPadding, agingStep);
  }

  /**
   * With another bound on padding.
   *
   * @param share the most of an input's padded length, 0 for inputs of one length alone
   * @return the changed copy
   */
  public TensorBatching withMaxPadding(double share) {
    return new TensorBatching(
        maxBatch, maxBatchLength, maxDelay, maxWaiting, preferredSizes, share, agingStep);
  }

  /**
   * With another weight of priorities.
   *
   * @param value what a step of priority is worth
   * @return the changed copy
   */
  public TensorBatching withAgingStep(Duration value) {
    return new TensorBatching(
        maxBatch, maxBatchLength, maxDelay, maxWaiting, preferredSizes, maxPadding, value);
  }

  private static void check(boolean right, String message) {
    if (!right) {
      throw new IllegalArgumentException(message);
    }
  }
}

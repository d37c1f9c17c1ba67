package dev.serval.api.compute;

import org.jspecify.annotations.Nullable;

/** How each row is normalised. */
public sealed interface Norm {
  /**
   * By what each element is multiplied in the end.
   *
   * @return a vector of the row's width
   */
  Weight gain();

  /**
   * What is added to the mean square.
   *
   * @return above 0
   */
  float epsilon();

  /**
   * By the root of the mean square (Zhang and Sennrich, <a
   * href="https://arxiv.org/abs/1910.07467">arXiv:1910.07467</a>): {@code x / √(mean(x²) + ε) ·
   * gain}.
   *
   * @param gain a vector of the row's width
   * @param epsilon what is added to the mean square
   */
  record RootMeanSquare(Weight gain, float epsilon) implements Norm {}

  /**
   * From the mean, by the root of the variance (Ba, Kiros and Hinton, <a
   * href="https://arxiv.org/abs/1607.06450">arXiv:1607.06450</a>): {@code (x − mean(x)) / √(mean((x
   * − mean(x))²) + ε) · gain + bias}.
   *
   * @param gain a vector of the row's width
   * @param bias a vector of the row's width, or null
   * @param epsilon what is added to the variance
   */
  record Layer(Weight gain, @Nullable Weight bias, float epsilon) implements Norm {}
}

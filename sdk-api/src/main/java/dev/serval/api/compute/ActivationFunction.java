package dev.serval.api.compute;

/** What a feed-forward layer has between its maps. */
public sealed interface ActivationFunction permits GateFunction, SparseGate, UngatedFunction {
  /**
   * How many columns it is taken of.
   *
   * @param columns how many it gives
   * @return as many, or twice as many: gates, and their ups
   * @throws ArithmeticException when they are more than an {@code int} counts
   */
  int inputs(int columns);
}

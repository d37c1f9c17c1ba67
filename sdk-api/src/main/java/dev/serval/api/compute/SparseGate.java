package dev.serval.api.compute;

/**
 * A gate function of those gates alone that stand out from the others of their row (You et al., <a
 * href="https://arxiv.org/abs/2506.06644">arXiv:2506.06644</a>): of a gate x it takes {@code max(0,
 * x − (mean + deviations · σ))}, where the mean and the standard deviation σ are those of the row's
 * gates. If these were normally distributed, a fixed share of them would be left.
 *
 * @param function what lets values through then
 * @param deviations how many standard deviations above the mean the least of those are
 */
public record SparseGate(GateFunction function, float deviations) implements ActivationFunction {
  /** Refuses what is no number of deviations. */
  public SparseGate {
    OperandChecks.requireDeviations(deviations);
  }

  @Override
  public int inputs(int columns) {
    return function.inputs(columns);
  }
}

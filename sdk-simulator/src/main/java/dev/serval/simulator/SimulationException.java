package dev.serval.simulator;

/** A simulation could not be carried through: a policy threw, or answered what makes no sense. */
public final class SimulationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SimulationException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.serval.api.placement;

import dev.serval.api.ServalException;

/** No device can take a model. */
public final class PlacementException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * Names the demand and what there is.
   *
   * @param message the problem, in a sentence
   */
  public PlacementException(String message) {
    super(message);
  }

  /**
   * Adds to what another says.
   *
   * @param message the problem, in a sentence
   * @param cause what led to it
   */
  public PlacementException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.serval.api;

import java.util.Collection;

/** The request names a model that this runtime does not serve. */
public final class UnknownModelException extends ServalException {
  private static final long serialVersionUID = 1L;

  /**
   * Names the model and what there is.
   *
   * @param model the name asked for
   * @param served the names that are served
   */
  public UnknownModelException(String model, Collection<String> served) {
    super(
        "the model '%s' is not served here; there is %s"
            .formatted(model, served.isEmpty() ? "none" : String.join(", ", served)));
  }
}

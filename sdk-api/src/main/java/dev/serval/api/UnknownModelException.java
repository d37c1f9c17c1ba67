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

  private UnknownModelException(String message) {
    super(message);
  }

  /**
   * For a request that names no model, where there is none of the kind it needs.
   *
   * @param does what such a model does, such as {@code generates}
   * @return the exception
   */
  public static UnknownModelException none(String does) {
    return new UnknownModelException("no model that " + does + " is served here");
  }
}

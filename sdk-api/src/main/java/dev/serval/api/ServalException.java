package dev.serval.api;

/**
 * What Serval throws when it cannot do what was asked. Each kind is a class of its own; a message
 * names the thing, its value and what is allowed, in words that can be shown to whoever asked.
 */
public abstract class ServalException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * With a message alone.
   *
   * @param message what went wrong, in a sentence
   */
  protected ServalException(String message) {
    super(message);
  }

  /**
   * With a message and what led to it.
   *
   * @param message what went wrong, in a sentence
   * @param cause what led to it
   */
  protected ServalException(String message, Throwable cause) {
    super(message, cause);
  }
}

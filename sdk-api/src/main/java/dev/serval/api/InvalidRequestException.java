package dev.serval.api;

/** The request itself is wrong: it would fail on an idle machine too. Nothing was started. */
public final class InvalidRequestException extends ServalException {
  private static final long serialVersionUID = 1L;

  private final String parameter;

  /**
   * Names the parameter at fault.
   *
   * @param parameter the parameter's name as the OpenAI API spells it, such as {@code top_p}
   * @param message the value found and what is allowed, in a sentence
   */
  public InvalidRequestException(String parameter, String message) {
    super(message);
    this.parameter = parameter;
  }

  /**
   * The parameter at fault.
   *
   * @return its name as the OpenAI API spells it
   */
  public String parameter() {
    return parameter;
  }
}

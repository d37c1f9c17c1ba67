package dev.serval.api;

/** The request itself is wrong: it would fail on an idle machine too. Nothing was started. */
public final class InvalidRequestException extends ServalException {
  private static final long serialVersionUID = 1L;

  /** What is wrong with a request. */
  public enum Reason {
    /** A parameter's value, on its own or beside another's. */
    VALUE,
    /** Prompt and completion together would not fit into the model's context. */
    CONTEXT_LENGTH
  }

  private final Reason reason;
  private final String parameter;

  /**
   * Names the parameter whose value is at fault.
   *
   * @param parameter the parameter's name as the OpenAI API spells it, such as {@code top_p}
   * @param message the value found and what is allowed, in a sentence
   */
  public InvalidRequestException(String parameter, String message) {
    this(Reason.VALUE, parameter, message);
  }

  /**
   * Names what is wrong and the parameter at fault.
   *
   * @param reason what is wrong
   * @param parameter the parameter's name as the OpenAI API spells it, such as {@code max_tokens}
   * @param message the value found and what is allowed, in a sentence
   */
  public InvalidRequestException(Reason reason, String parameter, String message) {
    super(message);
    this.reason = reason;
    this.parameter = parameter;
  }

  /**
   * What is wrong.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
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

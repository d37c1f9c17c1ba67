package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.InterpretException;

/** A template cannot be read, or refuses or fails to render a conversation. */
public final class TemplateFailure extends InterpretException {
  private static final long serialVersionUID = 1L;

  private final boolean refusal;

  private TemplateFailure(String message, boolean refusal) {
    super(message);
    this.refusal = refusal;
  }

  static TemplateFailure of(String message) {
    return new TemplateFailure(message, false);
  }

  /** In the template's own words, as it raised it. */
  static TemplateFailure refusal(String message) {
    return new TemplateFailure(message, true);
  }

  /** The same, with the line of the template put before it. */
  TemplateFailure at(int line) {
    return new TemplateFailure("line " + line + ": " + getMessage(), refusal);
  }

  /** Whether the template itself raised it. */
  boolean refusal() {
    return refusal;
  }
}

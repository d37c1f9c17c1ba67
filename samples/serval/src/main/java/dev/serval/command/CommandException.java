package dev.serval.command;

/** The command cannot do what it was asked to do; the message tells the user why in a sentence. */
final class CommandException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CommandException(String message) {
    super(message);
  }

  CommandException(String message, Throwable cause) {
    super(message, cause);
  }
}

package dev.serval.gpu.transfer;

/** What is said of what was thrown. */
final class Failures {
  private Failures() {}

  /** A sentence on what stood in the way of a copy. */
  static String sentence(Throwable cause) {
    return switch (cause) {
      case InternalError e -> "a mapped file was cut short";
      case IllegalStateException e -> "the memory was closed meanwhile (" + e.getMessage() + ")";
      default -> String.valueOf(cause.getMessage());
    };
  }
}

package dev.serval.models.cpu.generated;

/** The system gives no memory that code can be put into. */
final class ExecutableMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  ExecutableMemoryException(String message) {
    super(message);
  }
}

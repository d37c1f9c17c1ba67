package dev.serval.server.errors;

/** Carries an error to where it is answered. */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient ApiError error;

  ApiException(ApiError error) {
    super(error.message(), null, false, false);
    this.error = error;
  }

  /** What the client is told. */
  public ApiError error() {
    return error;
  }
}

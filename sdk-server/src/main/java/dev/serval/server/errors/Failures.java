package dev.serval.server.errors;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServalException;
import dev.serval.api.UnknownModelException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;

/** Which error each failure is to a client. */
public final class Failures {
  private static final Logger LOG = System.getLogger("dev.serval.server");
  private static final Duration SOON = Duration.ofSeconds(1);

  private Failures() {}

  /**
   * The error that a failure is. What nobody foresaw is logged and shown without its details.
   *
   * @param failure what was thrown, or what a stage ended with
   */
  public static ApiError of(Throwable failure) {
    return switch (failure) {
      case CompletionException wrapped when wrapped.getCause() != null -> of(wrapped.getCause());
      case ApiException known -> known.error();
      case InvalidRequestException invalid ->
          ApiError.badRequest(invalid.parameter(), code(invalid), said(invalid));
      case UnknownModelException unknown -> ApiError.unknownModel(said(unknown));
      case RequestRejectedException rejected -> rejected(rejected);
      case RejectedExecutionException full ->
          ApiError.overloaded("as many requests as can be read at once are being read", SOON);
      case GenerationFailedException failed -> logged(failed, said(failed));
      default -> logged(failure, "the server failed to handle this request");
    };
  }

  /**
   * The error that the failure of a request is that the runtime has taken before. A deadline that
   * passes then is no refusal any more, and there is nothing to try again for.
   *
   * @param failure what the request's stage ended with
   */
  public static ApiError ofTaken(Throwable failure) {
    return switch (failure) {
      case CompletionException wrapped when wrapped.getCause() != null ->
          ofTaken(wrapped.getCause());
      case RequestRejectedException late when late.reason() == Reason.DEADLINE ->
          ApiError.late(said(late));
      default -> of(failure);
    };
  }

  private static String code(InvalidRequestException invalid) {
    return switch (invalid.reason()) {
      case VALUE -> "invalid_value";
      case CONTEXT_LENGTH -> "context_length_exceeded";
    };
  }

  private static ApiError rejected(RequestRejectedException rejected) {
    return switch (rejected.reason()) {
      case OVERLOADED, DEADLINE ->
          ApiError.busy(said(rejected), rejected.retryAfter().orElse(SOON));
      case QUOTA -> ApiError.overloaded(said(rejected), rejected.retryAfter().orElse(SOON));
      case CLOSING -> ApiError.closing(said(rejected));
    };
  }

  /** Serval's own exceptions speak in words that can be shown to whoever asked. */
  private static String said(ServalException known) {
    return Objects.requireNonNullElse(known.getMessage(), "the request cannot be served");
  }

  private static ApiError logged(Throwable failure, String message) {
    LOG.log(Level.ERROR, message, failure);
    return ApiError.failure(message);
  }
}

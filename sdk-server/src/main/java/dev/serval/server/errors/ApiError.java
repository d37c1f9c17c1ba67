package dev.serval.server.errors;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An error as a client sees it.
 *
 * @param status the HTTP status
 * @param type the kind of error, in the words of the OpenAI API
 * @param message a sentence that names the thing, its value and what is allowed
 * @param param the path of the field at fault, such as {@code messages[2].content}, if it is one's
 * @param code what a program can tell the error by, if it is one of a kind
 * @param retryAfter when it is worth trying again, where that is so
 */
public record ApiError(
    int status,
    String type,
    String message,
    @Nullable String param,
    @Nullable String code,
    @Nullable Duration retryAfter) {
  private static final String INVALID_REQUEST = "invalid_request_error";
  private static final String SERVER = "server_error";

  /** The client's own fault: nothing was started. */
  public static ApiError badRequest(@Nullable String param, String message) {
    return badRequest(param, null, message);
  }

  /** The client's own fault, and one of a kind. */
  public static ApiError badRequest(@Nullable String param, @Nullable String code, String message) {
    return new ApiError(400, INVALID_REQUEST, message, param, code, null);
  }

  /** A request that HTTP alone can refuse: its method, its route, its type or its size. */
  public static ApiError ofRequest(int status, @Nullable String code, String message) {
    return new ApiError(status, INVALID_REQUEST, message, null, code, null);
  }

  /** The model asked for is not served. */
  public static ApiError unknownModel(String message) {
    return new ApiError(404, INVALID_REQUEST, message, "model", "model_not_found", null);
  }

  /** More is asked for than can be taken now. */
  public static ApiError overloaded(String message, Duration retryAfter) {
    return new ApiError(429, "rate_limit_error", message, null, "rate_limit_exceeded", retryAfter);
  }

  /** The runtime has more to do than it can do in time. */
  public static ApiError busy(String message, Duration retryAfter) {
    return new ApiError(503, SERVER, message, null, "overloaded", retryAfter);
  }

  /** The runtime takes no more requests. */
  public static ApiError closing(String message) {
    return new ApiError(503, SERVER, message, null, "service_unavailable", Duration.ofSeconds(1));
  }

  /** The answer took longer than the server allows. */
  public static ApiError timeout(Duration limit) {
    return new ApiError(
        504,
        SERVER,
        "the request took longer than the " + limit.toMillis() + " ms it may take here",
        null,
        "request_timeout",
        null);
  }

  /** The answer came too late to be of use. */
  public static ApiError late(String message) {
    return new ApiError(504, SERVER, message, null, "deadline_exceeded", null);
  }

  /** The server's own fault. */
  public static ApiError failure(String message) {
    return new ApiError(500, SERVER, message, null, null, null);
  }

  /** The same error, its field under the name that the client knows it by. */
  public ApiError named(Map<String, String> aliases) {
    return param == null || !aliases.containsKey(param)
        ? this
        : new ApiError(status, type, message, aliases.get(param), code, retryAfter);
  }

  /** The same error, raised. */
  public ApiException raise() {
    return new ApiException(this);
  }
}

package dev.serval.api;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The request is in order, but the runtime does not take it now. Nothing was started. */
public final class RequestRejectedException extends ServalException {
  private static final long serialVersionUID = 1L;

  /** Why a request is not taken. */
  public enum Reason {
    /** As much waits as may wait: the caller may try again. */
    OVERLOADED,
    /** The tenant has what its quota allows: the same caller may try again later. */
    QUOTA,
    /** Its deadline cannot be kept as things stand, or has passed while it waited to begin. */
    DEADLINE,
    /** The runtime is draining or closed: another instance may take it. */
    CLOSING
  }

  private final Reason reason;
  private final @Nullable Duration retryAfter;

  /**
   * Says why and when to try again.
   *
   * @param reason why the request is not taken
   * @param message the limit that was met, in a sentence
   * @param retryAfter when it is worth trying again, or null where that is not known
   */
  public RequestRejectedException(Reason reason, String message, @Nullable Duration retryAfter) {
    super(message);
    this.reason = reason;
    this.retryAfter = retryAfter;
  }

  /**
   * Why the request was not taken.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
  }

  /**
   * When it is worth trying again.
   *
   * @return the time to wait, empty where it is not known
   */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}

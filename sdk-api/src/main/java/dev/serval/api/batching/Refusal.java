package dev.serval.api.batching;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Why a sequence is not let in.
 *
 * @param reason the kind of reason
 * @param why the limit that was met, in a sentence
 * @param retryAfter when it is worth trying again, or null where that is not known
 */
public record Refusal(Reason reason, String why, @Nullable Duration retryAfter) {
  /**
   * Too much is asked for now.
   *
   * @param why the limit that was met, in a sentence
   * @param retryAfter when it is worth trying again, or null where that is not known
   * @return the refusal
   */
  public static Refusal overloaded(String why, @Nullable Duration retryAfter) {
    return new Refusal(Reason.OVERLOADED, why, retryAfter);
  }

  /**
   * The refusal as it reaches the caller.
   *
   * @return the exception, not thrown yet
   */
  public RequestRejectedException exception() {
    return new RequestRejectedException(reason, why, retryAfter);
  }
}

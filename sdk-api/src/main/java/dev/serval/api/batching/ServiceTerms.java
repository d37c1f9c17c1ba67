package dev.serval.api.batching;

import dev.serval.api.GenerationRequest;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The terms on which a sequence is served.
 *
 * @param level what its class is promised
 * @param tenant on whose account it runs
 * @param deadline how long after it was handed over it is of no use any more, or null for never;
 *     the engine then ends it with {@link dev.serval.api.FinishReason#DEADLINE}
 */
public record ServiceTerms(ServiceLevel level, Tenant tenant, @Nullable Duration deadline) {
  /** Somebody reads along, on the host's own account. */
  public static final ServiceTerms DEFAULT =
      new ServiceTerms(ServiceLevel.INTERACTIVE, Tenant.HOST, null);

  /** Refuses a deadline that is not positive. */
  public ServiceTerms {
    if (deadline != null && !deadline.isPositive()) {
      throw new IllegalArgumentException("a deadline lies ahead, unlike " + deadline);
    }
  }

  /**
   * The terms that a request asks for.
   *
   * @param request the request
   * @return its class, its tenant and its deadline
   */
  public static ServiceTerms of(GenerationRequest request) {
    return new ServiceTerms(request.level(), request.tenant(), request.deadline().orElse(null));
  }

  /**
   * The deadline as a number.
   *
   * @return nanoseconds from the hand-over, at most 2^60; {@link Long#MAX_VALUE} for none
   */
  public long deadlineNanos() {
    if (deadline == null) {
      return Long.MAX_VALUE;
    }
    return deadline.toSeconds() > 1L << 30 ? 1L << 60 : deadline.toNanos();
  }
}

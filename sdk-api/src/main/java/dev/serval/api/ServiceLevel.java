package dev.serval.api;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a class of requests is promised. The engine plans its steps by these targets, and metrics
 * tell how many requests met them; under overload a class of lower standing yields to those above.
 *
 * @param name what metrics call it, such as {@code interactive}; not blank
 * @param rank its standing, 0 to {@value #LOWEST_RANK}: the lower the number, the later it yields
 * @param ttft the time from submission to the first token that is aimed at, or null for none
 * @param tpot the time between consecutive tokens that is aimed at, or null for none
 */
public record ServiceLevel(
    String name, int rank, @Nullable Duration ttft, @Nullable Duration tpot) {
  /** The rank that yields to all others. */
  public static final int LOWEST_RANK = 7;

  /** Somebody reads along: the first token within 2 s, a token each 100 ms. */
  public static final ServiceLevel INTERACTIVE =
      new ServiceLevel("interactive", 2, Duration.ofSeconds(2), Duration.ofMillis(100));

  /** Nobody waits for a single token: no target, and yields to whoever does. */
  public static final ServiceLevel BATCH = new ServiceLevel("batch", 5, null, null);

  /** Refuses a blank name, a rank that is none, and targets that are not positive. */
  public ServiceLevel {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a service level's name is not blank");
    }
    if (rank < 0 || rank > LOWEST_RANK) {
      throw new IllegalArgumentException(
          "service level %s: a rank lies between 0 and %d, unlike %d"
              .formatted(name, LOWEST_RANK, rank));
    }
    requirePositive(name, "ttft", ttft);
    requirePositive(name, "tpot", tpot);
  }

  private static void requirePositive(String name, String target, @Nullable Duration value) {
    if (value != null && !value.isPositive()) {
      throw new IllegalArgumentException(
          "service level %s: %s is positive, unlike %s".formatted(name, target, value));
    }
  }

  /**
   * The same level with another aim for the first token.
   *
   * @param value the target, or null for none
   * @return a copy
   */
  public ServiceLevel withTtft(@Nullable Duration value) {
    return new ServiceLevel(name, rank, value, tpot);
  }

  /**
   * The same level with another aim for the tokens after the first.
   *
   * @param value the target, or null for none
   * @return a copy
   */
  public ServiceLevel withTpot(@Nullable Duration value) {
    return new ServiceLevel(name, rank, ttft, value);
  }

  /**
   * The target for the first token as a number.
   *
   * @return nanoseconds, at most 2^60; {@link Long#MAX_VALUE} for none
   */
  public long ttftNanos() {
    return nanos(ttft);
  }

  /**
   * The target between tokens as a number.
   *
   * @return nanoseconds, at most 2^60; {@link Long#MAX_VALUE} for none
   */
  public long tpotNanos() {
    return nanos(tpot);
  }

  private static long nanos(@Nullable Duration target) {
    if (target == null) {
      return Long.MAX_VALUE;
    }
    return target.toSeconds() > 1L << 30 ? 1L << 60 : target.toNanos();
  }
}

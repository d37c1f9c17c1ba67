package dev.serval.batching;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.SequenceView;
import java.time.Duration;

/**
 * The stock {@linkplain OrderPolicy order policies}. None of them looks at classes but {@link
 * #levelsFirst}, which is put around any other. One that had to give way keeps its arrival, its
 * priority's age and its deadline, and so its place.
 */
public final class OrderPolicies {
  private static final int MOST_PRIORITY = 10_000;
  private static final Duration MOST_PATIENCE = Duration.ofDays(1);

  private OrderPolicies() {}

  /**
   * Who was handed over first begins first.
   *
   * @return the policy
   */
  public static OrderPolicy firstComeFirstServed() {
    return described("first come, first served", (left, right, snapshot) -> 0);
  }

  /**
   * The lowest priority number begins first, and among equals who was handed over first. One that
   * is never the lowest may wait for ever.
   *
   * @return the policy
   */
  public static OrderPolicy priority() {
    return described(
        "by priority",
        (left, right, snapshot) -> Integer.compare(left.priority(), right.priority()));
  }

  /**
   * By priority, but each number counts for only so much waiting: one of priority 3 goes behind one
   * of priority 0 that came less than three times the patience after it, and before all that come
   * later. So the wait is bounded whatever comes. Priorities beyond ±10,000 count as that.
   *
   * @param patience what one priority number is worth, positive, at most a day
   * @return the policy
   */
  public static OrderPolicy agedPriority(Duration patience) {
    requirePatience(patience);
    long nanos = patience.toNanos();
    return described(
        "by priority, each worth " + millis(patience) + " of waiting",
        (left, right, snapshot) -> Long.compare(aged(left, nanos), aged(right, nanos)));
  }

  private static long aged(SequenceView sequence, long patienceNanos) {
    int priority = Math.clamp(sequence.priority(), -MOST_PRIORITY, MOST_PRIORITY);
    return sequence.submittedNanos() + priority * patienceNanos;
  }

  /**
   * The tenant that was served least begins first, by the {@linkplain SequenceView#tenantService()
   * virtual token counter} of Sheng et al.; among a tenant's own sequences the first that was
   * handed over. Two tenants that both have sequences waiting are served within a bound of each
   * other that does not grow with time.
   *
   * @return the policy
   */
  public static OrderPolicy fairBetweenTenants() {
    return described(
        "fair between tenants, by the tokens they were served",
        (left, right, snapshot) -> Double.compare(left.tenantService(), right.tenantService()));
  }

  /**
   * Whose time is up first begins first: the sooner of its deadline and of when its next token is
   * due by its class.
   *
   * @return the policy
   */
  public static OrderPolicy earliestDeadline() {
    return described(
        "earliest deadline first",
        (left, right, snapshot) -> Long.compare(deadline(left), deadline(right)));
  }

  private static long deadline(SequenceView sequence) {
    return Math.min(sequence.deadlineNanos(), sequence.dueNanos());
  }

  /**
   * Who has the least left to compute before its first token begins first, except that one that has
   * waited beyond the patience goes before all that have not.
   *
   * @param patience how long a long prompt may be kept waiting by shorter ones, positive, at most a
   *     day
   * @return the policy
   */
  public static OrderPolicy shortestPrefill(Duration patience) {
    requirePatience(patience);
    long nanos = patience.toNanos();
    return described(
        "shortest prefill first, for up to " + millis(patience),
        (left, right, snapshot) -> {
          boolean leftOverdue = overdue(left, nanos, snapshot);
          boolean rightOverdue = overdue(right, nanos, snapshot);
          if (leftOverdue || rightOverdue) {
            return leftOverdue && rightOverdue
                ? Long.compare(left.submittedNanos(), right.submittedNanos())
                : Boolean.compare(rightOverdue, leftOverdue);
          }
          return Integer.compare(left.outstandingTokens(), right.outstandingTokens());
        });
  }

  private static boolean overdue(SequenceView sequence, long nanos, EngineSnapshot snapshot) {
    return snapshot.nowNanos() - sequence.submittedNanos() > nanos;
  }

  /**
   * The higher class begins first; within a class, another policy decides.
   *
   * @param within the order among those of one class
   * @return the policy
   */
  public static OrderPolicy levelsFirst(OrderPolicy within) {
    return described(
        within + ", higher classes first",
        (left, right, snapshot) -> {
          int order = Integer.compare(left.level().rank(), right.level().rank());
          return order != 0 ? order : within.compare(left, right, snapshot);
        });
  }

  private static void requirePatience(Duration patience) {
    if (!patience.isPositive() || patience.compareTo(MOST_PATIENCE) > 0) {
      throw new IllegalArgumentException(
          "a patience is positive and at most a day, unlike " + patience);
    }
  }

  private static String millis(Duration patience) {
    return patience.toMillis() + " ms";
  }

  private static OrderPolicy described(String words, OrderPolicy policy) {
    return new Described(words, policy);
  }

  private record Described(String words, OrderPolicy policy) implements OrderPolicy {
    @Override
    public int compare(SequenceView left, SequenceView right, EngineSnapshot snapshot) {
      return policy.compare(left, right, snapshot);
    }

    @Override
    public String toString() {
      return words;
    }
  }
}

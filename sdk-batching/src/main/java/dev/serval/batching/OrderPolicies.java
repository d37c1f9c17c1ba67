package dev.serval.batching;

import dev.serval.api.batching.OrderPolicy;

/** The stock {@linkplain OrderPolicy order policies}. */
public final class OrderPolicies {
  private OrderPolicies() {}

  /**
   * Who was handed over first begins first; who gave way keeps its place, and so is first again.
   *
   * @return the policy
   */
  public static OrderPolicy firstComeFirstServed() {
    return (left, right, snapshot) -> 0;
  }

  /**
   * The lowest priority number begins first, and among equals who was handed over first. One that
   * is never the lowest may wait for ever.
   *
   * @return the policy
   */
  public static OrderPolicy priority() {
    return (left, right, snapshot) -> Integer.compare(left.priority(), right.priority());
  }
}

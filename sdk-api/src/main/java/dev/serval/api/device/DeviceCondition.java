package dev.serval.api.device;

/** How a device fares. */
public sealed interface DeviceCondition {
  /** Nothing is known against it. */
  DeviceCondition GOOD = new Good();

  /** Nothing is known against it. */
  record Good() implements DeviceCondition {}

  /**
   * Nothing new should go there for a while; what is there may go on.
   *
   * @param reason why: a clause without a full stop
   */
  record Doubtful(String reason) implements DeviceCondition {}

  /**
   * Of no use: what is there is lost, or is about to be.
   *
   * @param reason why: a clause without a full stop
   */
  record Unusable(String reason) implements DeviceCondition {}
}

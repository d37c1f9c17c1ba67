package dev.serval.gpu.device;

import dev.serval.api.device.DeviceCondition;
import java.time.Instant;

/** How a device fares. */
public sealed interface DeviceHealth {
  /**
   * Whether new work should be given to the device.
   *
   * @return whether it should
   */
  default boolean usable() {
    return this instanceof Healthy;
  }

  /**
   * The same in the words that are not NVIDIA's alone.
   *
   * @return the condition
   */
  default DeviceCondition condition() {
    return switch (this) {
      case Healthy _ -> DeviceCondition.GOOD;
      case Suspect(int xid, Instant until) ->
          new DeviceCondition.Doubtful(
              "the driver reported Xid %d; watched until %s".formatted(xid, until));
      case Unhealthy(int xid, Instant since) ->
          new DeviceCondition.Unusable(
              "the driver reported Xid %d at %s, after which it has to be reset"
                  .formatted(xid, since));
      case Lost _ -> new DeviceCondition.Unusable("it is no longer on the bus");
    };
  }

  /** Nothing is known against it. */
  record Healthy() implements DeviceHealth {}

  /**
   * Something went wrong that may be over: healthy again when nothing more happens.
   *
   * @param xid the last Xid
   * @param until when it will be healthy if all stays quiet
   */
  record Suspect(int xid, Instant until) implements DeviceHealth {}

  /**
   * Of no use until it was reset.
   *
   * @param xid the first Xid that said so
   * @param since when it came
   */
  record Unhealthy(int xid, Instant since) implements DeviceHealth {}

  /** It is no longer on the bus. */
  record Lost() implements DeviceHealth {}
}

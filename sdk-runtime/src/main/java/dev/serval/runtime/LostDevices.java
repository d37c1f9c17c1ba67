package dev.serval.runtime;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * The devices that models had to leave, until they may be used again: a quiet time after they were
 * lost, which doubles each time one is lost anew, and then as soon as they are found to be well.
 * Usable from any thread.
 */
final class LostDevices {
  private static final int MOST_DOUBLINGS = 6;

  private final Duration quiet;
  private final InstantSource clock;
  private final Map<String, Loss> losses = new ConcurrentHashMap<>();

  LostDevices(Duration quiet, InstantSource clock) {
    this.quiet = quiet;
    this.clock = clock;
  }

  /** How often a device was lost, and why last; whether it may be used again by now. */
  private record Loss(String reason, int times, Instant until, boolean over) {}

  /** A device is lost. One that is lost already stays so. */
  void add(String device, String reason) {
    losses.compute(
        device,
        (_, before) ->
            before == null ? loss(reason, 0) : before.over() ? again(reason, before) : before);
  }

  private Loss again(String reason, Loss before) {
    return loss(reason, before.times());
  }

  private Loss loss(String reason, int times) {
    Duration rest = quiet.multipliedBy(1L << Math.min(times, MOST_DOUBLINGS));
    return new Loss(reason, times + 1, clock.instant().plus(rest), false);
  }

  /** Why a device was lost that may not be used yet. */
  Optional<String> reason(String device) {
    return Optional.ofNullable(losses.get(device)).filter(loss -> !loss.over()).map(Loss::reason);
  }

  /**
   * Looks which devices may be used again.
   *
   * @param well whether a device is; asked only of those whose quiet time has passed, and again
   *     after another one
   */
  void recover(Predicate<String> well) {
    Instant now = clock.instant();
    losses.replaceAll((device, loss) ->
        loss.over() || now.isBefore(loss.until()) ? loss : tried(device, loss, well));
  }

  private Loss tried(String device, Loss loss, Predicate<String> well) {
    return well.test(device)
        ? new Loss(loss.reason(), loss.times(), loss.until(), true)
        : new Loss(loss.reason(), loss.times(), clock.instant().plus(quiet), false);
  }
}

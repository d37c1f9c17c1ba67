package dev.serval.server.exchange;

import dev.serval.server.errors.ApiError;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** Lets so many requests in at once and refuses the others; used from any thread. */
public final class Gate {
  private static final Duration RETRY = Duration.ofSeconds(1);

  private final int places;
  private final AtomicInteger taken = new AtomicInteger();

  /** A gate with some places. */
  public Gate(int places) {
    this.places = places;
  }

  /** Takes a place, or refuses. */
  void enter() {
    if (taken.incrementAndGet() > places) {
      leave();
      throw ApiError.overloaded(
              "as many requests are served as this server may serve at once, which is " + places,
              RETRY)
          .raise();
    }
  }

  /** Gives a place back. */
  void leave() {
    taken.decrementAndGet();
  }
}

package dev.serval.simulator;

/** Time that passes only when it is told to. */
final class VirtualClock {
  private long nanos;

  long nanos() {
    return nanos;
  }

  void set(long now) {
    if (now < nanos) {
      throw new IllegalStateException("time does not go back from " + nanos + " to " + now);
    }
    nanos = now;
  }
}

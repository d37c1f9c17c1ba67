package dev.serval.batching;

/**
 * How fast prompts are worked off while there are any: the tokens and the time of the steps that
 * had prefill to do or found sequences waiting, the older ones counting less. What keeps a prompt
 * from being computed (decodes beside it, too few blocks or places) is in it, so dividing a backlog
 * by it gives the time until that is worked off.
 */
final class PrefillSpeed {
  private static final double MEMORY_NANOS = 4e9;

  private double tokens;
  private double nanos;

  /** Takes a step into account that had a backlog. */
  void observe(long workedOff, long stepNanos) {
    double kept = MEMORY_NANOS / (MEMORY_NANOS + stepNanos);
    tokens = tokens * kept + workedOff;
    nanos = nanos * kept + stepNanos;
  }

  /** Tokens a second; 0 before anything was observed. */
  double tokensPerSecond() {
    return nanos == 0 ? 0 : tokens / nanos * 1e9;
  }
}

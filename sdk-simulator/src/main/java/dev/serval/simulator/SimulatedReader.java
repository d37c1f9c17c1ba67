package dev.serval.simulator;

import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;

/** Reads a request's tokens as fast as they come, and measures them. */
final class SimulatedReader implements TokenSink {
  private final Replay replay;
  private final TracedRequest request;
  private final int number;
  private int tokens;
  private long lastNanos;

  SimulatedReader(Replay replay, TracedRequest request, int number) {
    this.replay = replay;
    this.request = request;
    this.number = number;
  }

  @Override
  public Verdict token(SampledToken token) {
    long now = replay.clock().nanos();
    if (tokens++ > 0) {
      long gap = now - lastNanos;
      replay.groups().tell(request, meter -> meter.gap(gap));
    }
    lastNanos = now;
    return tokens < request.outputTokens() ? Verdict.CONTINUE : Verdict.STOP;
  }

  @Override
  public void ended(SequenceOutcome outcome) {
    replay.ended(request, number, outcome);
  }
}

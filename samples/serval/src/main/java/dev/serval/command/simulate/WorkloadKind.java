package dev.serval.command.simulate;

import dev.serval.simulator.TokenLengths;
import dev.serval.simulator.Trace;
import dev.serval.simulator.Workloads;
import java.time.Duration;
import java.util.Locale;

/** The traces that the command makes. */
public enum WorkloadKind {
  /** Short prompts and answers at random. */
  POISSON {
    @Override
    public Trace trace(Duration duration, double rate, long seed) {
      return Workloads.poisson(
          duration,
          rate,
          TokenLengths.skewed(8, 2000, 150),
          TokenLengths.skewed(4, 1000, 100),
          seed);
    }
  },
  /** Conversations, and two prompts of 2,000 tokens every 15 seconds. */
  BURSTS {
    @Override
    public Trace trace(Duration duration, double rate, long seed) {
      return Workloads.longPromptBursts(duration, rate, 2, seed);
    }
  },
  /** The 27 unequal clients of the fairness paper. */
  CLIENTS {
    @Override
    public Trace trace(Duration duration, double rate, long seed) {
      return Workloads.unequalClients(duration, rate, seed);
    }
  },
  /** Conversations of five turns, whose prompts share their beginnings. */
  CONVERSATIONS {
    @Override
    public Trace trace(Duration duration, double rate, long seed) {
      return Workloads.conversations(duration, rate, 5, seed);
    }
  };

  /**
   * Makes a trace.
   *
   * @param duration how long requests arrive
   * @param rate requests or conversations a second
   * @param seed where the draw begins
   */
  public abstract Trace trace(Duration duration, double rate, long seed);

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}

package dev.serval.server.openai;

/** Logarithms of probabilities as JSON can hold them. */
final class Logprob {
  /** What stands for a probability of zero, as at OpenAI. */
  private static final double LEAST = -9999;

  private Logprob() {}

  static double finite(double logprob) {
    return logprob > LEAST ? logprob : LEAST;
  }
}

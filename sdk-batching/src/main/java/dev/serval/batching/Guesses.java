package dev.serval.batching;

/** How often a sequence's guesses were right of late, of those that all before them were. */
final class Guesses {
  private static final double AT_FIRST = 0.7;
  private static final double LEARNING = 0.15;
  private static final double FORGETTING = 0.005;

  private double right = AT_FIRST;

  /** So many were verified, and so many of them right. */
  void verified(int drafted, int accepted) {
    for (int i = 0; i < accepted; i++) {
      right += LEARNING * (1 - right);
    }
    if (accepted < drafted) {
      right -= LEARNING * right;
    }
  }

  /** A token was given that nobody had guessed. */
  void unguessed() {
    right += FORGETTING * (AT_FIRST - right);
  }

  /** How many guesses in a row are right with at least this probability, up to so many. */
  int likelierThan(double least, int most) {
    int count = 0;
    for (double all = right; count < most && all > least; all *= right) {
      count++;
    }
    return count;
  }

  /** How many of so many guesses will be right on average. */
  double accepted(int drafted) {
    double sum = 0;
    double all = 1;
    for (int i = 0; i < drafted; i++) {
      all *= right;
      sum += all;
    }
    return sum;
  }
}

package dev.serval.batching;

/** How a sequence's guesses have been: in all, and how often they were right of late. */
final class Guesses {
  private static final double AT_FIRST = 0.7;
  private static final double LEARNING = 0.15;
  private static final double FORGETTING = 0.005;

  private int drafted;
  private int accepted;
  private double right = AT_FIRST;

  /** How many were verified. */
  int drafted() {
    return drafted;
  }

  /** How many of these were right. */
  int accepted() {
    return accepted;
  }

  /** So many were verified, and so many of them right. */
  void verified(int count, int correct) {
    drafted += count;
    accepted += correct;
    for (int i = 0; i < correct; i++) {
      right += LEARNING * (1 - right);
    }
    if (correct < count) {
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
  double likely(int count) {
    double sum = 0;
    double all = 1;
    for (int i = 0; i < count; i++) {
      all *= right;
      sum += all;
    }
    return sum;
  }
}

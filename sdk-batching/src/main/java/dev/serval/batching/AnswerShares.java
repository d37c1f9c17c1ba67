package dev.serval.batching;

/**
 * How much of what they might have generated answers did generate of late, and so how long one that
 * is under way is likely to go on. Belongs to the engine's thread; nothing is allocated after
 * construction.
 */
final class AnswerShares {
  /*
   * A histogram of used / allowed, each octave cut into eight, with a class of its own for those that
   * went to their limit; an answer counts a little less with each that ends after it. Where all go
   * to their limit, what is left is known exactly. Where limits mean nothing, since all have the same
   * large one, the shares are the lengths, and what is left follows from how long others went on
   * that got as far.
   *
   * How long one goes on is a draw from those, as in the Past-Future scheduler (Gong et al.,
   * ASPLOS 2025, https://arxiv.org/abs/2507.10150), but always with the same lot for the same
   * sequence, so that the forecast does not change with the asking.
   */
  private static final double FADING = 0.998;
  private static final int LEAST = 16;
  private static final int CUTS = 8;
  private static final int OCTAVES = 20;
  private static final int WHOLE = CUTS * OCTAVES;
  private static final double MOST_UNIT = 1e100;
  private static final double GOLDEN = 0.6180339887498949;

  private final double[] weights = new double[WHOLE + 1];
  private final double[] longer = new double[WHOLE + 2];
  private boolean summed;
  private double unit = 1;
  private long recorded;

  /** An answer has ended. */
  void record(int generated, int allowed) {
    unit /= FADING;
    weights[classOf(generated, allowed)] += unit;
    recorded++;
    summed = false;
    if (unit > MOST_UNIT) {
      rescale();
    }
  }

  private void rescale() {
    for (int i = 0; i <= WHOLE; i++) {
      weights[i] /= unit;
    }
    unit = 1;
  }

  /** Whether enough answers have ended to tell. */
  boolean known() {
    return recorded >= LEAST;
  }

  /**
   * How many tokens are still to come.
   *
   * @param number the answer's, which decides whether it is a long one
   * @return at least 1, at most what is allowed
   */
  int ahead(int generated, int allowed, long number) {
    sum();
    int from = Math.min(classOf(generated, allowed) + 1, WHOLE);
    double lot = (number + 1) * GOLDEN;
    double left = longer[from] * (1 - lot + Math.floor(lot));
    int ends = from;
    int beyond = WHOLE + 1;
    while (beyond - ends > 1) {
      int middle = (ends + beyond) >>> 1;
      if (longer[middle] >= left) {
        ends = middle;
      } else {
        beyond = middle;
      }
    }
    return Math.max(1, middle(ends, allowed) - generated);
  }

  /** What all answers of a class and of those above weigh. */
  private void sum() {
    if (!summed) {
      for (int i = WHOLE; i >= 0; i--) {
        longer[i] = longer[i + 1] + weights[i];
      }
      summed = true;
    }
  }

  private static int classOf(int generated, int allowed) {
    if (generated >= allowed) {
      return WHOLE;
    }
    double octaves = Math.log((double) allowed / Math.max(1, generated)) / Math.log(2);
    return Math.max(0, WHOLE - 1 - (int) (CUTS * octaves));
  }

  /** About how long the answers of a class are. */
  private static int middle(int number, int allowed) {
    return number == WHOLE
        ? allowed
        : (int) Math.ceil(allowed * Math.pow(2, (number + 0.5 - WHOLE) / CUTS));
  }
}

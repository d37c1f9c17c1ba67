package dev.serval.models.cpu.expert;

/**
 * The highest of the ranks that are offered, the highest first; of equal ones the first, and so
 * where none is a number.
 */
final class Highest {
  private final float[] ranks;
  private int offered;

  /** Of so many, which are offered at least. */
  Highest(int most) {
    ranks = new float[most];
  }

  int most() {
    return ranks.length;
  }

  void clear() {
    offered = 0;
  }

  /**
   * Offers ranks behind those that were offered before.
   *
   * @param from the first of them
   * @param end behind the last
   * @param chosen where those that are highest are written, from {@code to} on
   */
  void offer(float[] by, int from, int end, int[] chosen, int to) {
    int most = ranks.length;
    for (int one = from; one < end; one++) {
      float rank = by[one];
      int place = Math.min(offered + one - from, most);
      while (place > 0 && rank > ranks[place - 1]) {
        place--;
        if (place + 1 < most) {
          ranks[place + 1] = ranks[place];
          chosen[to + place + 1] = chosen[to + place];
        }
      }
      if (place < most) {
        ranks[place] = rank;
        chosen[to + place] = one;
      }
    }
    offered += end - from;
  }
}

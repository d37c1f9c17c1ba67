package dev.serval.api.compute;

/** Which of the positions up to its own a query sees. */
public sealed interface AttentionWindow {
  /** All of them are seen. */
  AttentionWindow NONE = new None();

  /**
   * The first position that a query sees; those from there to its own are seen, too.
   *
   * @param position that of the query
   * @return 0 or more, and never less than for an earlier query
   */
  int firstSeen(int position);

  /**
   * How many positions a query sees at most.
   *
   * @return at least 1; {@link Integer#MAX_VALUE} without a window
   */
  int positions();

  /** No window: all positions are seen. */
  record None() implements AttentionWindow {
    @Override
    public int firstSeen(int position) {
      return 0;
    }

    @Override
    public int positions() {
      return Integer.MAX_VALUE;
    }
  }

  /**
   * The last positions are seen.
   *
   * @param positions how many, the query's own included
   */
  record Sliding(int positions) implements AttentionWindow {
    /** Refuses an empty one. */
    public Sliding {
      requireSome(positions);
    }

    @Override
    public int firstSeen(int position) {
      return Math.max(0, position - positions + 1);
    }
  }

  /**
   * Those of the query's own chunk are seen: chunks lie one after the other from position 0 on, as
   * in Llama 4.
   *
   * @param positions how many there are in one
   */
  record Chunk(int positions) implements AttentionWindow {
    /** Refuses an empty one. */
    public Chunk {
      requireSome(positions);
    }

    @Override
    public int firstSeen(int position) {
      return position - position % positions;
    }
  }

  private static void requireSome(int positions) {
    if (positions < 1) {
      throw new IllegalArgumentException(
          "an attention window holds at least 1 position, not " + positions);
    }
  }
}

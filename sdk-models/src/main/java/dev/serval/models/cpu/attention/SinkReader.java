package dev.serval.models.cpu.attention;

/** Takes over sinks of query heads, before anything is added up. */
public interface SinkReader {
  /**
   * Begins a query's head with its sink: the largest score so far, whose {@link
   * AttentionSums#ofSink weight} is all of the sum.
   *
   * @param query which query of a piece
   * @param score that score, minus infinity for none
   */
  void sink(int query, float score);
}

package dev.serval.api.compute;

/**
 * A feed-forward layer of several experts as its backend keeps it. Only the backend that made it
 * can use it, for as long as the backend is open.
 */
public interface ExpertLayer {
  /**
   * What it is made of.
   *
   * @return its weights and rules
   */
  ExpertSpec spec();

  /**
   * How many rows it can take at once.
   *
   * @return the most rows of a step
   */
  int maxRows();
}

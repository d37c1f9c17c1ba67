package dev.serval.models.cpu.generated;

/** What becomes of a tile's sums. */
public enum Ending {
  /** They are the output. */
  STORE,
  /** They are added to what is there. */
  ADD
}

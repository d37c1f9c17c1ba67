package dev.serval.models.decoder.traits;

/** How queries and keys are normalised before they are turned. */
public enum HeadNorms {
  /** Not at all. */
  NONE,
  /** Each head, all of them with the same gains. */
  EACH,
  /** All heads of a row together. */
  TOGETHER
}

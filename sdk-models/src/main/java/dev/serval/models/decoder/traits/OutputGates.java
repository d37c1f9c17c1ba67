package dev.serval.models.decoder.traits;

/** Whether attention's output is let through by gates, and where a checkpoint has their map. */
public enum OutputGates {
  /** There are none. */
  NONE,
  /** Each head's behind its query, in one map. */
  BEHIND_QUERIES,
  /** By itself. */
  APART
}

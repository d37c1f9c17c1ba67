package dev.serval.models.decoder.traits;

/** How a checkpoint stores the maps for queries, keys and values. */
public enum InputMaps {
  /** Each by itself. */
  APART,
  /** As one: all queries, then all keys, then all values. */
  TOGETHER,
  /** As one: for each key head the queries that attend to it, then its key, then its value. */
  BY_GROUP
}

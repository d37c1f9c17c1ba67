package dev.serval.storage.gguf.architecture;

/** What positions do to queries and keys. */
public enum Positions {
  /** They turn elements that are half a head apart. */
  HALVES,
  /** They turn neighbours, as after conversion in Llama, whose converters reorder rows. */
  NEIGHBOURS,
  /** They turn neighbours of the part of a head that latent attention keeps for all heads. */
  LATENT,
  /** Nothing: they have embeddings. */
  EMBEDDED
}

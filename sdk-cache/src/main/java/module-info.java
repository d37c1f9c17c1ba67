import org.jspecify.annotations.NullMarked;

/**
 * Keeps what was computed, so that it is not computed again: the paged KV cache of an engine.
 *
 * <p>{@link dev.serval.cache.PagedKvCache} is the {@link dev.serval.api.cache.KvCache} that the
 * runtime assembles unless it is given another.
 */
@NullMarked
module dev.serval.cache {
  requires transitive dev.serval.api;
  requires static org.jspecify;

  // What an assembly uses.
  exports dev.serval.cache;
}

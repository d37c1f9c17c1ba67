import org.jspecify.annotations.NullMarked;

/**
 * Serves many sequences at once on one model: the engine that batches continuously, and the stock
 * policies that decide what its next step does.
 *
 * <p>{@link dev.serval.batching.ContinuousBatchingEngine} is started with {@link
 * dev.serval.batching.EngineOptions}; a policy of one's own goes into the same {@link
 * dev.serval.api.batching.BatchingPolicies} as those made here.
 */
@NullMarked
module dev.serval.batching {
  requires transitive dev.serval.api;
  requires static org.jspecify;

  // What an assembly uses.
  exports dev.serval.batching;
}

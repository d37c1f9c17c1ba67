package dev.serval.api.batching;

/** Decides how much prefill a step may do. Pure; called on the engine's thread. */
@FunctionalInterface
public interface ChunkPolicy {
  /**
   * Decides how many tokens of a sequence's outstanding prefill go into the step.
   *
   * @param sequence the sequence, with more than one token outstanding
   * @param plannedTokens the tokens that the step has already, decodes and other chunks
   * @param snapshot the engine
   * @return how many tokens at most; 0 to leave it out of this step. The planner cuts it to what is
   *     outstanding and to the executor's limits
   */
  int chunk(SequenceView sequence, int plannedTokens, EngineSnapshot snapshot);
}

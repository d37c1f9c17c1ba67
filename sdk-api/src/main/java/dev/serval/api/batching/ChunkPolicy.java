package dev.serval.api.batching;

/**
 * Decides how much prefill a step may do, and whether decodes of a class of lower standing may take
 * part in it beside those above. Pure; called on the engine's thread.
 */
@FunctionalInterface
public interface ChunkPolicy {
  /**
   * Decides how many tokens of a sequence's outstanding ones go into the step.
   *
   * @param sequence the sequence: one with more than one token outstanding, or a decode while the
   *     step has decodes of a higher class
   * @param plan what the step has already
   * @param snapshot the engine
   * @return how many tokens at most; 0 to leave it out of this step. The planner cuts it to what is
   *     outstanding and to the executor's limits, and leaves no step empty
   */
  int chunk(SequenceView sequence, StepPlan plan, EngineSnapshot snapshot);
}

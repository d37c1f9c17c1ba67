package dev.serval.api.batching;

import dev.serval.api.cache.KvDemand;
import dev.serval.api.model.StepLimits;

/**
 * An engine between two steps, as policies see it. Nothing changes while a policy looks; the views
 * are valid during the call alone.
 */
public interface EngineSnapshot {
  /**
   * What time it is.
   *
   * @return a reading of the engine's clock, in nanoseconds
   */
  long nowNanos();

  /**
   * How many sequences wait for their turn.
   *
   * @return the number of waiting sequences
   */
  int waiting();

  /**
   * A waiting sequence.
   *
   * @param index from 0, in the order policy's order
   * @return the sequence
   */
  SequenceView waiting(int index);

  /**
   * How many sequences hold KV.
   *
   * @return the number of running sequences
   */
  int running();

  /**
   * A running sequence.
   *
   * @param index from 0, in the order they began
   * @return the sequence
   */
  SequenceView running(int index);

  /**
   * How many KV blocks can be handed out.
   *
   * @return the free blocks
   */
  int freeBlocks();

  /**
   * How many KV blocks there are.
   *
   * @return held and free blocks
   */
  int totalBlocks();

  /**
   * How many KV blocks will be held at once at most, if one more begins and nobody after it, as
   * answers grow and end. How long they go on is concluded from how much of their limits others
   * have used that have ended; where there are blocks for all of them at their limits, it is those.
   * Those that would give way to the one that begins are left out.
   *
   * @param next the sequence that {@link VictimPolicy#mayBegin} is asked about
   * @return blocks; it may be more than there are
   */
  int foreseenBlocks(SequenceView next);

  /**
   * How large a step can be.
   *
   * @return the limits of the executor
   */
  StepLimits limits();

  /**
   * How many KV blocks a sequence takes as it grows.
   *
   * @return the demand of each sequence
   */
  KvDemand demand();

  /**
   * What steps cost, as measured so far.
   *
   * @return the costs
   */
  StepCosts costs();
}

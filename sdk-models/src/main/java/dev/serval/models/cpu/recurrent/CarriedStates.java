package dev.serval.models.cpu.recurrent;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.cpu.memory.CpuKvMemory;
import java.lang.foreign.MemorySegment;

/**
 * Where the states of a layer are. A sequence's state lies in the block of its newest token: a run
 * begins with what the block of the token before it holds, works in the block it is in, and takes
 * the state along into each block it enters; what it leaves behind in a full block stays there.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class CarriedStates {
  private StepBatch batch;
  private CpuKvMemory kv;
  private KvLayout layout;
  private int layer;

  /**
   * Those of one layer.
   *
   * @param step the step
   * @param cache the blocks
   * @param state which layer it is among those with a state
   */
  public CarriedStates of(StepBatch step, CpuKvMemory cache, int state) {
    batch = step;
    kv = cache;
    layout = cache.layout();
    layer = state;
    return this;
  }

  /** The step. */
  StepBatch batch() {
    return batch;
  }

  /** All blocks. */
  MemorySegment data() {
    return kv.segment();
  }

  /** Where the state is that the token at a position leaves behind, in bytes. */
  long behind(int sequence, int position) {
    int block = batch.blockTable(sequence).block(layout.stateEntry(layer, position));
    return block * layout.blockBytes() + layout.stateOffset(layer);
  }

  /** How many tokens from a position on are in its block. */
  int left(int position) {
    return layout.blockTokens() - position % layout.blockTokens();
  }

  /** Whether nothing of the sequence is in a position's block yet. */
  boolean enters(int position) {
    return position % layout.blockTokens() == 0;
  }
}

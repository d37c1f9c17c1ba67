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
  private long at;

  /**
   * Those of one layer.
   *
   * @param step the step
   * @param cache the blocks
   * @param first where the layer's states begin in a block, in bytes
   */
  public CarriedStates of(StepBatch step, CpuKvMemory cache, long first) {
    batch = step;
    kv = cache;
    at = first;
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
    KvLayout layout = kv.layout();
    int block = batch.blockTable(sequence).block(position / layout.blockTokens());
    return block * layout.blockBytes() + at;
  }

  /** How many tokens from a position on are in its block. */
  int left(int position) {
    return kv.layout().blockTokens() - position % kv.layout().blockTokens();
  }

  /** Whether nothing of the sequence is in a position's block yet. */
  boolean enters(int position) {
    return position % kv.layout().blockTokens() == 0;
  }
}

package dev.serval.models.sampling;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The room that a draw needs, for one thread at a time: samplers that are used by the same thread
 * can share it, and then hold hardly anything of their own. Grows to what the largest draw needed.
 */
public final class SamplingScratch {
  private float[] logits = new float[0];
  private final LargestLogit largest = new LargestLogit();
  private final RankedTokens candidates = new RankedTokens();
  private final RankedTokens alternatives = new RankedTokens();

  /** Without room yet. */
  public SamplingScratch() {}

  float[] copy(MemorySegment row, int vocabulary) {
    if (logits.length < vocabulary) {
      logits = new float[vocabulary];
    }
    MemorySegment.copy(row, ValueLayout.JAVA_FLOAT, 0, logits, 0, vocabulary);
    return logits;
  }

  LargestLogit largest() {
    return largest;
  }

  RankedTokens candidates() {
    return candidates;
  }

  RankedTokens alternatives() {
    return alternatives;
  }
}

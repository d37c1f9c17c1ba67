package dev.serval.models.sampling;

import dev.serval.api.compute.Logits;
import java.lang.foreign.MemorySegment;

/** Logits that a test spells out. */
final class Rows implements Logits {
  private final float[][] values;

  Rows(float[]... values) {
    this.values = values;
  }

  @Override
  public int rows() {
    return values.length;
  }

  @Override
  public int vocabulary() {
    return values[0].length;
  }

  @Override
  public MemorySegment row(int row) {
    return MemorySegment.ofArray(values[row]);
  }
}

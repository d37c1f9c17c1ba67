package dev.serval.models.cpu;

import dev.serval.api.compute.RotaryEmbedding;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Cosines and sines of one rotary embedding, a stretch of positions at a time as they are needed.
 * The angle is multiplied out in F64, so late positions are as precise as early ones; {@link
 * StrictMath} gives the same bits on every machine.
 */
final class RotaryTable {
  private static final int STRETCH = 256;

  private final RotaryEmbedding embedding;
  private final List<float[]> stretches = new ArrayList<>();

  RotaryTable(RotaryEmbedding embedding) {
    this.embedding = embedding;
  }

  /** Makes sure that positions below this one are there. Called before workers read. */
  void cover(int positions) {
    while (stretches.size() * STRETCH < positions) {
      stretches.add(stretch(stretches.size() * STRETCH));
    }
  }

  private float[] stretch(int first) {
    int pairs = embedding.pairs();
    float[] values = new float[STRETCH * pairs * 2];
    for (int i = 0; i < STRETCH * pairs; i++) {
      double angle = (double) (first + i / pairs) * embedding.frequency(i % pairs);
      values[2 * i] = (float) StrictMath.cos(angle);
      values[2 * i + 1] = (float) StrictMath.sin(angle);
    }
    return values;
  }

  /** Turns one head in place. */
  void turn(CpuActivations rows, long head, int position) {
    int pairs = embedding.pairs();
    int apart = embedding.second(0) - embedding.first(0);
    int step = pairs > 1 ? embedding.first(1) - embedding.first(0) : 1;
    int at = position % STRETCH * pairs * 2;
    turn(
        rows.data(),
        head + embedding.first(0),
        step,
        apart,
        stretches.get(position / STRETCH),
        at,
        pairs);
  }

  private static void turn(
      MemorySegment rows, long head, int step, int apart, float[] angles, int at, int pairs) {
    for (int pair = 0; pair < pairs; pair++) {
      float cos = angles[at + 2 * pair];
      float sin = angles[at + 2 * pair + 1];
      long first = head + (long) pair * step;
      float x = rows.getAtIndex(ValueLayout.JAVA_FLOAT, first);
      float y = rows.getAtIndex(ValueLayout.JAVA_FLOAT, first + apart);
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, first, x * cos - y * sin);
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, first + apart, y * cos + x * sin);
    }
  }
}

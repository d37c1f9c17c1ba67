package dev.serval.models.cpu;

import dev.serval.api.compute.RotaryEmbedding;
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
      int cosine = i / pairs * pairs * 2 + i % pairs;
      values[cosine] = (float) (embedding.magnitude() * StrictMath.cos(angle));
      values[cosine + pairs] = (float) (embedding.magnitude() * StrictMath.sin(angle));
    }
    return values;
  }

  /** Has one head turned in place. */
  void turn(RowKernel kernel, CpuActivations rows, long head, int position) {
    int pairs = embedding.pairs();
    float[] angles = stretches.get(position / STRETCH);
    int at = position % STRETCH * pairs * 2;
    kernel.turn(rows, head, angles, at, pairs, embedding.second(0) == 1);
  }
}

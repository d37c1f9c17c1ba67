package dev.serval.models.cpu.attention;

import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.util.ArrayList;
import java.util.List;

/**
 * Cosines and sines by which one rotary embedding turns keys, or queries where these grow, a
 * stretch of positions at a time as they are needed. The angle is multiplied out in F64, so late
 * positions are as precise as early ones; {@link StrictMath} gives the same bits on every machine.
 */
public final class RotaryTable {
  private static final int STRETCH = 256;

  private final RotaryEmbedding embedding;
  private final boolean growing;
  private final List<float[]> stretches = new ArrayList<>();

  private RotaryTable(RotaryEmbedding embedding, boolean growing) {
    this.embedding = embedding;
    this.growing = growing;
  }

  /** That of what does not grow. */
  public static RotaryTable of(RotaryEmbedding embedding) {
    return new RotaryTable(embedding, false);
  }

  /** That of queries which grow. */
  public static RotaryTable growing(RotaryEmbedding embedding) {
    return new RotaryTable(embedding, true);
  }

  /** Makes sure that positions below this one are there. Called before workers read. */
  public void cover(int positions) {
    while (stretches.size() * STRETCH < positions) {
      stretches.add(stretch(stretches.size() * STRETCH));
    }
  }

  private float[] stretch(int first) {
    int pairs = embedding.pairs();
    float[] values = new float[STRETCH * pairs * 2];
    for (int i = 0; i < STRETCH * pairs; i++) {
      int position = first + i / pairs;
      double angle = (double) position * embedding.frequency(i % pairs);
      double magnitude = growing ? embedding.queryMagnitude(position) : embedding.magnitude();
      int cosine = i / pairs * pairs * 2 + i % pairs;
      values[cosine] = (float) (magnitude * StrictMath.cos(angle));
      values[cosine + pairs] = (float) (magnitude * StrictMath.sin(angle));
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

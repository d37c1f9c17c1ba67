package dev.serval.models.cpu.attention;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Shapes of queries, for tests. */
public final class AttentionSpecs {
  private AttentionSpecs() {}

  /** Heads without norms; a window of 0 is none. */
  public static AttentionSpec of(int kvHeads, int group, int headDim, int window) {
    return of(kvHeads, group, headDim, window(window), null);
  }

  /** The same with random {@link #sinks}. */
  public static AttentionSpec withSinks(
      int kvHeads, int group, int headDim, int window, ComputeBackend backend) {
    return of(kvHeads, group, headDim, window(window), sinks(backend, kvHeads * group));
  }

  private static AttentionWindow window(int positions) {
    return positions == 0 ? AttentionWindow.NONE : new AttentionWindow.Sliding(positions);
  }

  /** Heads with sinks, or without. */
  public static AttentionSpec of(
      int kvHeads, int group, int headDim, AttentionWindow window, @Nullable Weight sinks) {
    double[] frequencies = new double[headDim / 2];
    Arrays.setAll(frequencies, i -> Math.pow(100, -2.0 * i / headDim));
    return new AttentionSpec(
        kvHeads * group,
        kvHeads,
        headDim,
        headDim,
        AttentionSpec.Inputs.ALL,
        (float) (1 / Math.sqrt(headDim)),
        AttentionSpec.NO_SOFTCAP,
        window,
        RotaryEmbedding.of(frequencies),
        AttentionSpec.NormPlace.BEFORE_ROTATION,
        null,
        null,
        null,
        1e-5f,
        sinks);
  }

  /** Random sinks for so many heads, of which some are above all scores and the last is none. */
  public static Weight sinks(ComputeBackend backend, int heads) {
    Random random = new Random(heads);
    float[] scores = new float[heads];
    for (int head = 0; head < heads - 1; head++) {
      scores[head] = 2 + 3 * (float) random.nextGaussian();
    }
    scores[heads - 1] = Float.NEGATIVE_INFINITY;
    return sinks(backend, scores);
  }

  /** The sink of each head. */
  public static Weight sinks(ComputeBackend backend, float... scores) {
    long heads = scores.length;
    MemorySegment data = MemorySegment.ofArray(scores);
    return backend.load(List.of(new StoredTensor("sinks", DType.F32, List.of(heads), data)));
  }
}

package dev.serval.models.cpu;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.RotaryEmbedding;
import java.util.Arrays;

/** Shapes of queries, for tests. */
final class AttentionSpecs {
  private AttentionSpecs() {}

  /** Heads without norms; a window of 0 is none. */
  static AttentionSpec of(int kvHeads, int group, int headDim, int window) {
    double[] frequencies = new double[headDim / 2];
    Arrays.setAll(frequencies, i -> Math.pow(100, -2.0 * i / headDim));
    return new AttentionSpec(
        kvHeads * group,
        kvHeads,
        headDim,
        (float) (1 / Math.sqrt(headDim)),
        AttentionSpec.NO_SOFTCAP,
        window == 0 ? AttentionSpec.NO_WINDOW : window,
        RotaryEmbedding.of(frequencies),
        null,
        null,
        1e-5f,
        null);
  }
}

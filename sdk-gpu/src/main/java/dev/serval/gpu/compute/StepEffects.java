package dev.serval.gpu.compute;

import dev.serval.api.compute.StepBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * What the operations of a recorded step do on the host, which has to be done again whenever the
 * record is replayed: what they check and what they leave behind.
 */
final class StepEffects {
  private final List<CudaKvMemory> caches = new ArrayList<>();
  private final List<CudaLogits> projected = new ArrayList<>();
  private final List<CudaLogits> drawn = new ArrayList<>();
  private int vocabulary = Integer.MAX_VALUE;
  private int positions = Integer.MAX_VALUE;

  /** Tokens were looked up among so many. */
  void embedded(int rows) {
    vocabulary = Math.min(vocabulary, rows);
  }

  /** Positions were looked up among so many. */
  void embeddedPositions(int rows) {
    positions = Math.min(positions, rows);
  }

  /** A cache was written or read. */
  void used(CudaKvMemory kv) {
    if (!caches.contains(kv)) {
      caches.add(kv);
    }
  }

  /** Scores were computed. */
  void projected(CudaLogits logits) {
    projected.add(logits);
  }

  /** Tokens were drawn. */
  void drew(CudaLogits logits) {
    drawn.add(logits);
  }

  /** Refuses what the operations would refuse. */
  void check(StepBatch batch, StepImage image) {
    if (vocabulary != Integer.MAX_VALUE) {
      CudaChecks.tokens(batch, image, vocabulary);
    }
    CudaChecks.positions(batch, image, positions);
    for (int i = 0; i < caches.size(); i++) {
      CudaChecks.blocks(batch, image, caches.get(i));
    }
  }

  /** Leaves behind what the operations would leave. */
  void leave(int logitRows, Drawing drawing) {
    for (int i = 0; i < projected.size(); i++) {
      projected.get(i).rows(logitRows);
    }
    for (int i = 0; i < drawn.size(); i++) {
      drawing.drew(drawn.get(i));
    }
  }
}

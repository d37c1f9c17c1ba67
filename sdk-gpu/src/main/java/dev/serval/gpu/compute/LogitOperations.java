package dev.serval.gpu.compute;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import org.jspecify.annotations.Nullable;

/** Scores of tokens, and what is drawn by them. */
final class LogitOperations {
  private final CudaChecks checks;
  private final StepBounds bounds;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final StepGraphs graphs;
  private final StepLaunches launches;

  /** On a backend's stream. */
  LogitOperations(
      CudaChecks checks,
      StepBounds bounds,
      RowKernels rows,
      LinearOperations linear,
      StepGraphs graphs,
      StepLaunches launches) {
    this.checks = checks;
    this.bounds = bounds;
    this.rows = rows;
    this.linear = linear;
    this.graphs = graphs;
    this.launches = launches;
  }

  /** Scores of the rows they are wanted of. */
  void project(
      StepBatch batch, Activations hidden, Weight head, @Nullable Weight bias, Logits out) {
    CudaWeight.Matrix matrix = checks.matrix("head", head);
    CudaActivations input = checks.rows("hidden rows", hidden, batch, matrix.columns());
    CudaLogits logits = checks.logits(out, matrix.rows(), batch.logitRows());
    long biasAt = checks.address("bias", bias, matrix.rows());
    launches.stage(batch);
    logits.rows(batch.logitRows());
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.projected(logits);
    }
    if (bounds.logitRows() > 0) {
      linear.project(matrix, input, biasAt, logits.scores());
    }
  }

  /** Keeps scores within a cap. */
  void softcap(StepBatch batch, float cap, Logits given) {
    OperandChecks.requireCap(cap);
    CudaLogits logits = checks.logits(given, given.vocabulary(), batch.logitRows());
    launches.stage(batch);
    if (bounds.logitRows() > 0) {
      rows.softcap(logits.scores(), cap);
      logits.changed();
    }
  }

  /** Draws what a batch asks for. */
  void draw(StepBatch batch, Logits given) {
    launches.draw(batch, checks.logits(given, given.vocabulary(), batch.logitRows()));
  }

  /**
   * A token that was drawn in the step, or is drawn now where the step did not.
   *
   * @param place where it would be among those of the step; −1 if it cannot be there
   */
  int drawn(Logits given, DeviceSampler sampler, int row, int place) {
    CudaLogits logits = checks.logits(given, sampler.vocabulary(), row + 1);
    return launches.drawn(logits, sampler, row, place);
  }
}

package dev.serval.models.cpu;

import dev.serval.api.compute.StepBatch;

/** Looks up embeddings. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
final class EmbedWork extends RowWork {
  private StepBatch batch;
  private PackedMatrix table;
  private CpuActivations out;

  EmbedWork of(StepBatch step, PackedMatrix embeddings, CpuActivations output) {
    batch = step;
    table = embeddings;
    out = output;
    return this;
  }

  @Override
  void row(int row, int worker) {
    table.expandRow(batch.token(row), out, out.row(row), worker);
  }
}

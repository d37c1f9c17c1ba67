package dev.serval.models.cpu.row;

import dev.serval.api.compute.StepBatch;
import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;

/** Looks up embeddings. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class EmbedWork extends RowWork {
  private StepBatch batch;
  private PackedMatrix table;
  private CpuActivations out;

  public EmbedWork of(StepBatch step, PackedMatrix embeddings, CpuActivations output) {
    batch = step;
    table = embeddings;
    out = output;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    table.expandRow(batch.token(row), out, out.row(row), worker);
  }
}

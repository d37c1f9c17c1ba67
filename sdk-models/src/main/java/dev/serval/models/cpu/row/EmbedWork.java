package dev.serval.models.cpu.row;

import dev.serval.api.compute.StepBatch;
import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.memory.CpuActivations;

/** Looks up embeddings of tokens, or of positions. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class EmbedWork extends RowWork {
  private StepBatch batch;
  private PackedMatrix table;
  private CpuActivations out;
  private boolean positions;

  public EmbedWork of(StepBatch step, PackedMatrix embeddings, CpuActivations output) {
    batch = step;
    table = embeddings;
    out = output;
    positions = false;
    return this;
  }

  public EmbedWork ofPositions(StepBatch step, PackedMatrix embeddings, CpuActivations output) {
    of(step, embeddings, output);
    positions = true;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    int from = positions ? batch.position(row) : batch.token(row);
    table.expandRow(from, out, out.row(row), worker);
  }
}

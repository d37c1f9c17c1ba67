package dev.serval.models.cpu;

import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Scores in native memory; the views of its rows are made once. */
final class CpuLogits implements Logits {
  private final CpuActivations scores;
  private final int[] sourceRows;
  private final List<MemorySegment> views = new ArrayList<>();
  private int rows;

  CpuLogits(CpuActivations scores) {
    this.scores = scores;
    sourceRows = new int[scores.maxRows()];
    long bytes = (long) scores.columns() * Float.BYTES;
    for (int row = 0; row < scores.maxRows(); row++) {
      views.add(scores.data().asSlice(row * bytes, bytes));
    }
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int vocabulary() {
    return scores.columns();
  }

  @Override
  public MemorySegment row(int row) {
    OperandChecks.requireRow(row, rows);
    return views.get(row);
  }

  CpuBackend owner() {
    return scores.owner();
  }

  CpuActivations scores() {
    return scores;
  }

  /** From which row of the step each row of scores comes; filled anew for each step. */
  int[] sourceRows() {
    return sourceRows;
  }

  void rows(int count) {
    rows = count;
  }
}

package dev.serval.models.cpu.memory;

import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Scores in native memory; the views of its rows are made once. Until a pass has scores, its other
 * buffers may lie there.
 */
public final class CpuLogits implements Logits {
  private final CpuActivations scores;
  private final int[] sourceRows;
  private final List<MemorySegment> views = new ArrayList<>();
  private long lent;
  private int rows;

  public CpuLogits(CpuActivations scores) {
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

  /** A buffer in a part of the memory that no other has; null where that is too small. */
  public @Nullable CpuActivations lend(int maxRows, int columns) {
    long bytes = Math.multiplyExact((long) maxRows * columns, (long) Float.BYTES);
    if (bytes > scores.data().byteSize() - lent) {
      return null;
    }
    MemorySegment part = scores.data().asSlice(lent, bytes);
    lent += -CpuActivations.ALIGNMENT & (bytes + CpuActivations.ALIGNMENT - 1);
    return new CpuActivations(scores.owner(), maxRows, columns, part);
  }

  public ComputeBackend owner() {
    return scores.owner();
  }

  public CpuActivations scores() {
    return scores;
  }

  /** From which row of the step each row of scores comes; filled anew for each step. */
  public int[] sourceRows() {
    return sourceRows;
  }

  public void rows(int count) {
    rows = count;
  }
}

package dev.serval.models.cpu.row;

import dev.serval.api.compute.OperandChecks;
import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.memory.CpuActivations;

/** Adds rows to others by shares, a stretch of all of them at a time. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class MixWork extends RowWork {
  private static final int STRETCH = 1024;

  private final RowKernel kernel;
  private final CpuActivations sums;
  private final CpuActivations[] in = new CpuActivations[OperandChecks.MOST_MIXED];
  private final CpuActivations[] out = new CpuActivations[OperandChecks.MOST_MIXED];
  private CpuActivations shares;
  private int ins;
  private int outs;

  /**
   * Adds nothing yet.
   *
   * @param sums room for {@link #room} elements of each worker
   */
  public MixWork(RowKernel kernel, CpuActivations sums) {
    this.kernel = kernel;
    this.sums = sums;
  }

  /** How many sums a worker has room for. */
  public static int room() {
    return OperandChecks.MOST_MIXED * STRETCH;
  }

  /** By what each of the rows counts that are added, for each of the others. */
  public MixWork by(CpuActivations given) {
    shares = given;
    ins = 0;
    outs = 0;
    return this;
  }

  /** One more that is added. */
  public void from(CpuActivations rows) {
    in[ins++] = rows;
  }

  /** One more that they are added to. */
  public void to(CpuActivations rows) {
    out[outs++] = rows;
  }

  @Override
  protected void row(int row, int worker) {
    int columns = out[0].columns();
    long at = out[0].row(row);
    for (int first = 0; first < columns; first += STRETCH) {
      stretch(row, at + first, Math.min(STRETCH, columns - first), sums.row(worker));
    }
  }

  /** All sums come first, as what they are added to may be among what is added. */
  private void stretch(int row, long at, int count, long own) {
    for (int i = 0; i < outs; i++) {
      long to = own + (long) i * STRETCH;
      clear(to, count);
      for (int j = 0; j < ins; j++) {
        float share = shares.at(shares.row(row) + (long) i * ins + j);
        kernel.addScaled(in[j], at, share, count, sums, to);
      }
    }
    for (int i = 0; i < outs; i++) {
      kernel.addScaled(sums, own + (long) i * STRETCH, 1, count, out[i], at);
    }
  }

  private void clear(long from, int count) {
    for (int i = 0; i < count; i++) {
      sums.set(from + i, 0);
    }
  }
}

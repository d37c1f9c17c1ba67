package dev.serval.models.cpu.row;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Normalises rows, or adds them so. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class NormWork extends InputWork {
  private final RowKernel kernel;
  private CpuWeight.Vector gain;
  private @Nullable MemorySegment bias;
  private CpuActivations out;
  private float epsilon;
  private boolean centred;
  private boolean add;

  public NormWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  /** By the root of the mean square. */
  public NormWork of(
      CpuActivations input, CpuWeight.Vector gains, float added, CpuActivations output) {
    in = input;
    gain = gains;
    epsilon = added;
    out = output;
    bias = null;
    centred = false;
    add = false;
    return this;
  }

  /** From the mean, and what to add in the end. */
  public NormWork centred(CpuWeight.@Nullable Vector vector) {
    centred = true;
    bias = vector == null ? null : vector.data();
    return this;
  }

  public NormWork adding(boolean toWhatIsThere) {
    add = toWhatIsThere;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    for (int part = 0; part < in.columns(); part += gain.columns()) {
      normalise(in.row(row) + part, out.row(row) + part);
    }
  }

  private void normalise(long from, long to) {
    if (centred) {
      kernel.centre(in, from, gain.data(), bias, gain.columns(), epsilon, add, out, to);
    } else {
      kernel.normalise(in, from, gain.data(), gain.columns(), epsilon, add, out, to);
    }
  }
}

package dev.serval.models.cpu.activation;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.row.RowKernel;

/** What a feed-forward layer has between its maps: function(gate) · up, or function(in). */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class ActivationWork extends InputWork {
  private final ActivationKernel kernel;
  private final RowKernel rows;
  private ActivationFunction function;
  private CpuActivations ups;
  private CpuActivations out;
  private int firstUp;

  public ActivationWork(ActivationKernel kernel, RowKernel rows, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
    this.rows = rows;
  }

  /** What it is taken of, and where results go. */
  public ActivationWork of(ActivationFunction taken, CpuActivations input, CpuActivations output) {
    function = taken;
    in = input;
    ups = input;
    out = output;
    firstUp = output.columns();
    return this;
  }

  /** With ups that begin in a column of other rows, and not behind the gates. */
  public ActivationWork apart(CpuActivations others, int column) {
    ups = others;
    firstUp = column;
    return this;
  }

  @Override
  protected void row(int row, int worker) {
    long from = in.row(row);
    long to = out.row(row);
    int count = out.columns();
    switch (function) {
      case GateFunction gating ->
          kernel.gate(gating, in, from, ups, ups.row(row) + firstUp, out, to, count, worker);
      case SparseGate(GateFunction gating, float deviations) -> {
        SparsityWork.sparsify(rows, in, from, count, deviations);
        kernel.gate(gating, in, from, ups, ups.row(row) + firstUp, out, to, count, worker);
      }
      case UngatedFunction plain -> kernel.activate(plain, in, from, out, to, count, worker);
    }
  }
}

package dev.serval.models.cpu.expert;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.row.RowKernel;

/** Adds what an expert made of rows to these, each times its share or as it is. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class AddRoutesWork extends InputWork {
  private final RowKernel kernel;
  private ExpertRouting routing;
  private CpuActivations out;
  private int first;
  private int from;
  private boolean weighed;

  public AddRoutesWork(RowKernel kernel, Prefetch prefetch) {
    super(prefetch);
    this.kernel = kernel;
  }

  /**
   * What was made, and where it goes.
   *
   * @param input a row for each route of a turn
   * @param routes the routes
   * @param firstRoute the first to the expert
   * @param firstOfTurn the first of the turn
   * @param byShares whether it is multiplied by shares
   */
  AddRoutesWork of(
      CpuActivations input,
      ExpertRouting routes,
      int firstRoute,
      int firstOfTurn,
      boolean byShares,
      CpuActivations output) {
    in = input;
    routing = routes;
    first = firstRoute;
    from = firstOfTurn;
    weighed = byShares;
    out = output;
    return this;
  }

  @Override
  protected int source(int row) {
    return first - from + row;
  }

  @Override
  protected void row(int row, int worker) {
    long to = out.row(routing.rows()[first + row]);
    float share = weighed ? routing.shares()[first + row] : 1;
    kernel.addScaled(in, in.row(source(row)), share, in.columns(), out, to);
  }
}

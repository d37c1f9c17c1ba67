package dev.serval.models.cpu.expert;

import dev.serval.models.cpu.crew.InputWork;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.row.RowKernel;

/** Adds what an expert made of rows to these, each times its share. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class AddRoutesWork extends InputWork {
  private final RowKernel kernel;
  private ExpertRouting routing;
  private CpuActivations out;
  private int first;
  private int from;

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
   */
  AddRoutesWork of(
      CpuActivations input,
      ExpertRouting routes,
      int firstRoute,
      int firstOfTurn,
      CpuActivations output) {
    in = input;
    routing = routes;
    first = firstRoute;
    from = firstOfTurn;
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
    float share = routing.shares()[first + row];
    kernel.addScaled(in, in.row(source(row)), share, in.columns(), out, to);
  }
}

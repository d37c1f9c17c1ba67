package dev.serval.models.cpu.recurrent;

import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;

/** A layer that is a short convolution: gates before it, the convolution, and gates behind it. */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class ShortConvolutionWork implements ConvolutionWork.Stretches {
  /** Channels that are convolved together. */
  private static final int STRETCH = 256;

  private final ConvolutionWork convolution;
  private final RowKernel rowKernel;
  private final Gating before;
  private final Gating behind;
  private ShortConvolutionSpec spec;

  public ShortConvolutionWork(RecurrentKernel kernel, RowKernel rowKernel, int workers) {
    convolution = new ConvolutionWork(kernel, workers);
    this.rowKernel = rowKernel;
    before = new Gating();
    behind = new Gating();
  }

  /** Inputs lie as {@code [before | behind | values]}. */
  public void run(
      CarriedStates states,
      CpuActivations in,
      ShortConvolutionSpec rules,
      CpuActivations out,
      WorkCrew crew) {
    spec = rules;
    int rows = states.batch().rows();
    MemorySegment weights = ((CpuWeight.Vector) rules.kernel()).data();
    before.of(in, 0, in, 2 * rules.width(), in, 2 * rules.width());
    before.run(rows, rules.width(), crew);
    crew.run(
        convolution
            .of(states, in, 2 * rules.width(), this, out)
            .by(weights, null, rules.taps(), false));
    behind.of(in, rules.width(), out, 0, out, 0);
    behind.run(rows, rules.width(), crew);
  }

  @Override
  public int count() {
    return Math.ceilDiv(spec.width(), STRETCH);
  }

  @Override
  public int first(int stretch) {
    return Math.min(stretch * STRETCH, spec.width());
  }

  /** Multiplies rows by others. */
  private final class Gating extends RowWork {
    private CpuActivations gates;
    private CpuActivations in;
    private CpuActivations out;
    private int gate;
    private int from;
    private int to;

    void of(
        CpuActivations gating,
        int gateAt,
        CpuActivations input,
        int at,
        CpuActivations output,
        int outAt) {
      gates = gating;
      gate = gateAt;
      in = input;
      from = at;
      out = output;
      to = outAt;
    }

    @Override
    protected void row(int row, int worker) {
      rowKernel.multiply(
          gates.data(),
          gates.row(row) + gate,
          in,
          in.row(row) + from,
          spec.width(),
          out,
          out.row(row) + to);
    }
  }
}

package dev.serval.models.cpu.recurrent;

import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.Weight;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.crew.RowWork;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A layer of state spaces over a step's rows: the convolution, some channels at a time, what is
 * recalled, and the norm.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class StateSpaceWork extends RecallWork implements ConvolutionWork.Stretches {
  /** Channels that are convolved together. */
  private static final int STRETCH = 256;

  private final ConvolutionWork convolution;
  private final RowKernel rowKernel;
  private final ActivationKernel activation;
  private final Normalising normalising = new Normalising();

  /** The parts of each layer's gains. */
  private final IdentityHashMap<Weight, MemorySegment[]> cut = new IdentityHashMap<>();

  private CpuActivations in;
  private StateSpaceSpec spec;
  private StateSpaceShape shape;

  public StateSpaceWork(
      RecurrentKernel kernel, RowKernel rowKernel, ActivationKernel activation, int workers) {
    super(kernel, workers);
    convolution = new ConvolutionWork(kernel, workers);
    this.rowKernel = rowKernel;
    this.activation = activation;
  }

  public void run(
      CarriedStates states,
      CpuActivations input,
      StateSpaceSpec rules,
      CpuActivations between,
      CpuActivations out,
      WorkCrew crew) {
    in = input;
    spec = rules;
    shape = rules.shape();
    long first = shape.matrixAt(0) * Float.BYTES;
    size(states, shape.heads(), shape.stateDim(), shape.headDim(), first);
    rows(between, out);
    crew.run(
        convolution
            .of(states, in, shape.inner(), this, between)
            .by(data(spec.convolution()), optional(spec.convolutionBias()), shape.taps(), true));
    crew.run(this);
    if (spec.norm() != null) {
      normalising.by(spec.norm(), spec.normGroups());
      normalising.run(states.batch().rows(), shape.inner(), crew);
    }
  }

  private static MemorySegment data(Weight vector) {
    return ((CpuWeight.Vector) vector).data();
  }

  private static @Nullable MemorySegment optional(@Nullable Weight vector) {
    return vector == null ? null : data(vector);
  }

  @Override
  public int count() {
    return Math.ceilDiv(shape.channels(), STRETCH);
  }

  @Override
  public int first(int stretch) {
    return Math.min(stretch * STRETCH, shape.channels());
  }

  @Override
  void weigh(int row, int turn, int head, int worker) {
    float rate = -((CpuWeight.Vector) spec.decay()).at(head);
    float bias = ((CpuWeight.Vector) spec.timeBias()).at(head);
    float time = softplus(in.at(in.row(row) + shape.inner() + shape.channels() + head) + bias);
    kept(worker)[turn] = Exponential.of(rate * time);
    strengths(worker)[turn] = time;
  }

  @Override
  void recalled(int row, int head, int worker) {
    int columns = shape.headDim();
    long at = result(row, head);
    float skip = ((CpuWeight.Vector) spec.skip()).at(head);
    rowKernel.addScaled(between(), value(row, head), skip, columns, out(), at);
    long gates = in.row(row) + (long) head * columns;
    activation.letThrough(in, gates, true, out(), at, out(), at, columns, worker);
  }

  @Override
  public boolean corrects() {
    return false;
  }

  /** Behind the values are all keys, and behind these all queries. */
  @Override
  public long key(int row, int head) {
    long group = head / (shape.heads() / shape.groups());
    return between().row(row) + shape.inner() + group * shape.stateDim();
  }

  @Override
  public long query(int row, int head) {
    return key(row, head) + (long) shape.groups() * shape.stateDim();
  }

  @Override
  public long value(int row, int head) {
    return between().row(row) + (long) head * shape.headDim();
  }

  /** The norm of each row's groups. */
  private final class Normalising extends RowWork {
    private MemorySegment[] gains = {};

    /** Cut up once for a layer that comes with each step. */
    void by(Weight norm, int groups) {
      MemorySegment[] known = cut.get(norm);
      if (known == null) {
        long bytes = data(norm).byteSize() / groups;
        known = new MemorySegment[groups];
        for (int group = 0; group < groups; group++) {
          known[group] = data(norm).asSlice(group * bytes, bytes);
        }
        cut.put(norm, known);
      }
      gains = known;
    }

    @Override
    protected void row(int row, int worker) {
      int columns = shape.inner() / spec.normGroups();
      for (int group = 0; group < spec.normGroups(); group++) {
        long from = (long) group * columns;
        long at = out().row(row) + from;
        rowKernel.normalise(out(), at, gains[group], columns, spec.epsilon(), false, out(), at);
      }
    }
  }
}

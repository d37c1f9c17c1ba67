package dev.serval.models.cpu.recurrent;

import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.row.RowKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A layer of gated delta networks over a step's rows: the convolution, a head at a time, and then
 * what is recalled.
 */
@SuppressWarnings("NullAway.Init") // reused for every operation, and filled before each
public final class DeltaNetWork extends RecallWork implements ConvolutionWork.Stretches {
  private final ConvolutionWork convolution;
  private final RowKernel rowKernel;
  private final ActivationKernel activation;
  private final NativeMemory memory;
  private final List<Lengths> lengths = new ArrayList<>();
  private Lengths length;
  private CpuActivations in;
  private DeltaNetSpec spec;
  private DeltaNetShape shape;

  public DeltaNetWork(
      RecurrentKernel kernel,
      RowKernel rowKernel,
      ActivationKernel activation,
      NativeMemory memory,
      int workers) {
    super(kernel, workers);
    convolution = new ConvolutionWork(kernel, workers);
    this.rowKernel = rowKernel;
    this.activation = activation;
    this.memory = memory;
  }

  public void run(
      CarriedStates states,
      CpuActivations input,
      DeltaNetSpec rules,
      CpuActivations between,
      CpuActivations out,
      WorkCrew crew) {
    in = input;
    spec = rules;
    shape = rules.shape();
    length = length(shape.keyDim());
    long first = shape.matrixAt(0) * Float.BYTES;
    size(states, shape.valueHeads(), shape.keyDim(), shape.valueDim(), first);
    rows(between, out);
    MemorySegment weights = ((CpuWeight.Vector) spec.convolution()).data();
    crew.run(convolution.of(states, in, 0, this, between).by(weights, null, shape.taps(), true));
    crew.run(this);
  }

  private Lengths length(int dims) {
    for (int i = 0; i < lengths.size(); i++) {
      if (lengths.get(i).dims == dims) {
        return lengths.get(i);
      }
    }
    lengths.add(Lengths.of(dims, memory));
    return lengths.getLast();
  }

  @Override
  public int count() {
    return 2 * shape.keyHeads() + shape.valueHeads();
  }

  @Override
  public int first(int stretch) {
    int ofKeys = 2 * shape.keyHeads();
    return stretch <= ofKeys
        ? stretch * shape.keyDim()
        : 2 * shape.keyColumns() + (stretch - ofKeys) * shape.valueDim();
  }

  /** Queries and keys are brought to their lengths. */
  @Override
  public void convolved(int row, int stretch, int worker) {
    if (stretch < 2 * shape.keyHeads()) {
      long at = between().row(row) + first(stretch);
      int dims = shape.keyDim();
      MemorySegment gains = stretch < shape.keyHeads() ? length.ofQueries : length.ofKeys;
      float epsilon = DeltaNetSpec.LENGTH_EPSILON / dims;
      rowKernel.normalise(between(), at, gains, dims, epsilon, false, between(), at);
    }
  }

  @Override
  void weigh(int row, int turn, int head, int worker) {
    float rate = -((CpuWeight.Vector) spec.decay()).at(head);
    float bias = ((CpuWeight.Vector) spec.timeBias()).at(head);
    long strength = in.row(row) + shape.channels() + shape.valueColumns() + head;
    float time = softplus(in.at(strength + shape.valueHeads()) + bias);
    kept(worker)[turn] = Exponential.of(rate * time);
    strengths(worker)[turn] = 1 / (1 + Exponential.of(-in.at(strength)));
  }

  @Override
  void recalled(int row, int head, int worker) {
    int columns = shape.valueDim();
    long at = result(row, head);
    long gates = in.row(row) + shape.channels() + (long) head * columns;
    MemorySegment gains = ((CpuWeight.Vector) spec.norm()).data();
    rowKernel.normalise(out(), at, gains, columns, spec.epsilon(), false, out(), at);
    activation.letThrough(in, gates, true, out(), at, out(), at, columns, worker);
  }

  @Override
  public boolean corrects() {
    return true;
  }

  @Override
  public long query(int row, int head) {
    return between().row(row) + (long) spec.keyHead(head) * shape.keyDim();
  }

  @Override
  public long key(int row, int head) {
    return query(row, head) + shape.keyColumns();
  }

  @Override
  public long value(int row, int head) {
    return between().row(row) + 2L * shape.keyColumns() + (long) head * shape.valueDim();
  }

  /**
   * Gains with which a norm by the root of the mean square makes queries and keys of the lengths
   * that they are to have.
   */
  private record Lengths(int dims, MemorySegment ofQueries, MemorySegment ofKeys) {
    static Lengths of(int dims, NativeMemory memory) {
      return new Lengths(
          dims,
          same((float) (1.0 / dims), dims, memory),
          same((float) (1 / Math.sqrt(dims)), dims, memory));
    }

    private static MemorySegment same(float gain, int dims, NativeMemory memory) {
      MemorySegment gains = memory.allocate((long) dims * Float.BYTES, CpuActivations.ALIGNMENT);
      for (int i = 0; i < dims; i++) {
        gains.setAtIndex(ValueLayout.JAVA_FLOAT, i, gain);
      }
      return gains;
    }
  }
}

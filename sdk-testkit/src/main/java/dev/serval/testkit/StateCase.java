package dev.serval.testkit;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.Arrays;
import java.util.Random;

/**
 * A layer that carries a state along, and the rows of a sequence. It is the second of three such
 * layers, and may share blocks with others of them.
 */
abstract class StateCase {
  static final int BLOCK = 8;
  static final int TOKENS = 29;
  static final int STATE = 1;
  private static final float EPSILON = 1e-5f;

  final BackendProbe probe;
  final ComputeBackend backend;
  final Random random;
  final float[][] rows;
  private final long stateBytes;
  private final int outColumns;

  private StateCase(Room room, long seed, int columns, long stateBytes, int outColumns) {
    probe = room.probe;
    backend = room.backend;
    random = new Random(seed);
    rows = BackendProbe.random(random, DType.F32, TOKENS, columns);
    this.stateBytes = stateBytes;
    this.outColumns = outColumns;
  }

  /** Where a case computes. */
  record Room(ComputeBackend backend, BackendProbe probe) {}

  /** Has the layer compute. */
  abstract void compute(StepBatch batch, Activations in, int state, KvMemory kv, Activations out);

  /** What it should make of the rows. */
  abstract double[][] expected(double[][] in);

  final double[][] expected() {
    return expected(Arrays.stream(rows).map(Float64::widen).toArray(double[][]::new));
  }

  final float[] vector(int length) {
    return BackendProbe.random(random, DType.F32, 1, length)[0];
  }

  final float[] positive(int length) {
    float[] values = vector(length);
    for (int i = 0; i < length; i++) {
      values[i] = 0.02f + Math.abs(values[i]);
    }
    return values;
  }

  final Weight weight(float[] values) {
    return probe.vector(DType.F32, values);
  }

  final KvMemory memory() {
    return backend.kvMemory(layout(stateBytes), 8);
  }

  /** Whose states have no room for the layer's. */
  final KvMemory tooSmall() {
    return backend.kvMemory(layout(stateBytes - Float.BYTES), 8);
  }

  private static KvLayout layout(long bytes) {
    return new KvLayout(1, 1, 2, BLOCK, DType.F32, new StateShape(3, bytes));
  }

  /** Of a run from a position on: the layer's blocks but those before that of the token before. */
  final BlockTable table(int from, int... blocks) {
    return table(layout(stateBytes), from, blocks);
  }

  static BlockTable table(KvLayout layout, int from, int... blocks) {
    BlockTable table = new BlockTable();
    for (int i = 0; i < blocks.length; i++) {
      boolean isBehind = (i + 1) * layout.blockTokens() < from;
      for (int group = 0; group < layout.groups(); group++) {
        table.add(isBehind && layout.isWindowed(group) ? BlockTable.NONE : blocks[i]);
      }
    }
    return table;
  }

  /** The sequence by itself, in blocks where another one was before. */
  final float[][] alone(int chunk) {
    KvMemory kv = memory();
    int[] blocks = {5, 0, 3, 6};
    run(kv, blocks, 0, TOKENS, 7);
    return run(kv, blocks, 0, TOKENS, chunk);
  }

  final float[][] run(KvMemory kv, int[] blocks, int from, int to, int chunk) {
    float[][] out = new float[to - from][];
    for (int at = from; at < to; at += chunk) {
      int count = Math.min(chunk, to - at);
      StepBatch batch = new StepBatch(TOKENS, 1);
      batch.add(new int[TOKENS], at, count, table(at, blocks), false);
      float[][] some = compute(batch, Arrays.copyOfRange(rows, at, at + count), kv);
      System.arraycopy(some, 0, out, at - from, count);
    }
    return out;
  }

  final float[][] compute(StepBatch batch, float[][] in, KvMemory kv) {
    Activations out = probe.buffer(in.length, outColumns);
    compute(batch, probe.put(in), STATE, kv, out);
    return probe.get(out, in.length);
  }

  /** Gated delta networks. */
  static final class DeltaNet extends StateCase {
    final DeltaNetSpec spec;
    private final DeltaNetReference reference;

    DeltaNet(Room room, DeltaNetShape shape, boolean tiled, long seed) {
      super(room, seed, shape.inputColumns(), shape.stateBytes(), shape.valueColumns());
      float[] convolution = vector(shape.taps() * shape.channels());
      float[] decay = positive(shape.valueHeads());
      float[] timeBias = vector(shape.valueHeads());
      float[] norm = vector(shape.valueDim());
      spec =
          new DeltaNetSpec(
              shape,
              tiled,
              weight(convolution),
              weight(decay),
              weight(timeBias),
              weight(norm),
              EPSILON);
      reference = new DeltaNetReference(shape, tiled, EPSILON, convolution, decay, timeBias, norm);
    }

    @Override
    void compute(StepBatch batch, Activations in, int state, KvMemory kv, Activations out) {
      Activations between = probe.buffer(in.maxRows(), spec.shape().channels());
      backend.deltaNet(batch, in, spec, state, kv, between, out);
    }

    @Override
    double[][] expected(double[][] in) {
      return reference.of(in);
    }

    @Override
    public String toString() {
      return (spec.tiled() ? "tiled " : "") + spec.shape();
    }
  }

  /** State spaces. */
  static final class StateSpace extends StateCase {
    final StateSpaceSpec spec;
    private final StateSpaceReference reference;

    /**
     * A layer.
     *
     * @param normGroups into how many parts a norm cuts a row; 0 for no norm
     */
    StateSpace(Room room, StateSpaceShape shape, boolean biased, int normGroups, long seed) {
      super(room, seed, shape.inputColumns(), shape.stateBytes(), shape.inner());
      float[] convolution = vector(shape.taps() * shape.channels());
      float[] bias = biased ? vector(shape.channels()) : new float[0];
      float[] decay = positive(shape.heads());
      float[] timeBias = vector(shape.heads());
      float[] skip = vector(shape.heads());
      float[] norm = normGroups > 0 ? vector(shape.inner()) : new float[0];
      spec =
          new StateSpaceSpec(
              shape,
              weight(convolution),
              biased ? weight(bias) : null,
              weight(decay),
              weight(timeBias),
              weight(skip),
              normGroups > 0 ? weight(norm) : null,
              Math.max(1, normGroups),
              EPSILON);
      reference =
          new StateSpaceReference(
              shape,
              new StateSpaceReference.Vectors(convolution, bias, decay, timeBias, skip, norm),
              normGroups,
              EPSILON);
    }

    @Override
    void compute(StepBatch batch, Activations in, int state, KvMemory kv, Activations out) {
      Activations between = probe.buffer(in.maxRows(), spec.shape().channels());
      backend.stateSpace(batch, in, spec, state, kv, between, out);
    }

    @Override
    double[][] expected(double[][] in) {
      return reference.of(in);
    }

    @Override
    public String toString() {
      return spec.shape() + ", norms of " + spec.normGroups();
    }
  }

  /** Short convolutions. */
  static final class ShortConvolution extends StateCase {
    final ShortConvolutionSpec spec;
    private final float[] kernel;

    ShortConvolution(Room room, int width, int taps, long seed) {
      super(
          room, seed, 3 * width, Math.max(4, ShortConvolutionSpec.stateBytes(width, taps)), width);
      kernel = vector(taps * width);
      spec = new ShortConvolutionSpec(width, taps, weight(kernel));
    }

    @Override
    void compute(StepBatch batch, Activations in, int state, KvMemory kv, Activations out) {
      backend.shortConvolution(batch, in, spec, state, kv, out);
    }

    @Override
    double[][] expected(double[][] in) {
      return Float64.shortConvolution(in, kernel, spec.width());
    }

    @Override
    public String toString() {
      return "%d columns, %d taps".formatted(spec.width(), spec.taps());
    }
  }
}

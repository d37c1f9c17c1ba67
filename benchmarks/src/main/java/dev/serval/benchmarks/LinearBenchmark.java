package dev.serval.benchmarks;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Linear maps on the CPU with each tier of kernels: the counters are multiplications and additions
 * in Gop/s, and bytes of weights in GB/s. So many matrices take turns that none is still in a cache
 * when its turn comes, as in a model.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args="LinearBenchmark -p
 * kernels=generated -p dtype=Q8_0"}
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@SuppressWarnings("NullAway.Init") // filled before the first call
public class LinearBenchmark {
  private static final long COLD_BYTES = 256 << 20;
  private static final int MOST_ROWS = 512;
  private static final long RANDOM_BITS = 0x2C2C_2C2C_2C2C_2C2CL;
  private static final long NORMAL_BITS = 0x2020_2020_2020_2020L;

  /** The kernels, as preferences are written. */
  @Param({"generated", "vector"})
  public String kernels = "";

  /** The type of the weights. */
  @Param({"Q8_0", "Q4_0", "Q4_K", "Q6_K", "BF16"})
  public DType dtype = DType.F32;

  /** The matrix: rows x columns. */
  @Param("5632x2048")
  public String matrix = "";

  /** The rows of the step. */
  @Param({"1", "4", "16", "512"})
  public int rows;

  /** The threads that share an operation. */
  @Param("2")
  public int threads;

  private final NativeMemory memory = NativeMemory.root("benchmark", Bytes.gibi(2));
  private final List<Weight> weights = new ArrayList<>();
  private final StepBatch batch = new StepBatch(MOST_ROWS, 1);
  private ComputeBackend backend;
  private Activations in;
  private Activations out;
  private int matrixRows;
  private int columns;
  private int next;

  /** What one call did. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Work {
    /** Multiplications and additions. */
    public long operations;

    /** Bytes of weights. */
    public long bytes;
  }

  /** Loads random weights. */
  @Setup
  public void load() {
    matrixRows = Integer.parseInt(matrix.substring(0, matrix.indexOf('x')));
    columns = Integer.parseInt(matrix.substring(matrix.indexOf('x') + 1));
    Device cpu = new Device("cpu:0", DeviceKind.CPU, "benchmark", Bytes.gibi(2), new TreeMap<>());
    ComputeBackendProvider provider =
        ServiceLoader.load(ComputeBackendProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(any -> any.supports(cpu))
            .findFirst()
            .orElseThrow();
    backend =
        provider.open(
            cpu, ComputeOptions.of(threads).withKernels(KernelPreference.parse(kernels)), memory);
    in = backend.activations(rows, columns);
    out = backend.activations(rows, matrixRows);
    fillInputs();
    long size = dtype.bytes((long) matrixRows * columns);
    for (long loaded = 0; loaded < COLD_BYTES; loaded += size) {
      weights.add(weight(size, new SplittableRandom(loaded)));
    }
    batch.add(new int[rows], 0, rows, BlockTable.EMPTY, false);
  }

  /** Activations cannot be written from outside: embeddings of random rows serve. */
  private void fillInputs() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment table = arena.allocate((long) rows * columns * Float.BYTES);
      SplittableRandom random = new SplittableRandom(1);
      for (long i = 0; i < (long) rows * columns; i++) {
        table.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      StepBatch all = new StepBatch(MOST_ROWS, 1);
      int[] tokens = new int[rows];
      for (int row = 0; row < rows; row++) {
        tokens[row] = row;
      }
      all.add(tokens, 0, rows, BlockTable.EMPTY, false);
      StoredTensor stored =
          new StoredTensor("inputs", DType.F32, List.of((long) rows, (long) columns), table);
      backend.embed(all, backend.load(List.of(stored)), in);
    }
  }

  /** Random bits, but scales and elements are normal numbers. */
  private Weight weight(long size, SplittableRandom random) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(size, Long.BYTES);
      for (long at = 0; at + Long.BYTES <= size; at += Long.BYTES) {
        long bits = (random.nextLong() & RANDOM_BITS) | NORMAL_BITS;
        data.set(ValueLayout.JAVA_LONG, at, bits);
      }
      List<Long> shape = List.of((long) matrixRows, (long) columns);
      return backend.load(List.of(new StoredTensor("weight", dtype, shape, data)));
    }
  }

  /**
   * Multiplies with the next matrix.
   *
   * @param work what is counted
   * @return the output
   */
  @Benchmark
  public Activations linear(Work work) {
    Weight weight = weights.get(next++ % weights.size());
    backend.linear(batch, in, weight, null, out);
    work.operations += 2L * rows * matrixRows * columns;
    work.bytes += dtype.bytes((long) matrixRows * columns);
    return out;
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    backend.close();
    memory.close();
  }
}

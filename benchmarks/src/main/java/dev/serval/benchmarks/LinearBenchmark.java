package dev.serval.benchmarks;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

  /** The kernels, as preferences are written. */
  @Param({"generated", "vector"})
  public String kernels = "";

  /** The type of the weights. */
  @Param({"Q8_0", "Q4_0", "Q4_K", "Q6_K", "MXFP4", "BF16"})
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

  private final List<Weight> weights = new ArrayList<>();
  private final StepBatch batch = new StepBatch(MOST_ROWS, 1);
  private KernelBench bench;
  private Activations in;
  private Activations out;
  private int matrixRows;
  private int columns;
  private int next;

  /** Loads random weights. */
  @Setup
  public void load() {
    matrixRows = Integer.parseInt(matrix.substring(0, matrix.indexOf('x')));
    columns = Integer.parseInt(matrix.substring(matrix.indexOf('x') + 1));
    bench = new KernelBench(kernels, threads);
    in = bench.rows(rows, columns);
    out = bench.backend().activations(rows, matrixRows);
    long size = dtype.bytes((long) matrixRows * columns);
    for (long loaded = 0; loaded < COLD_BYTES; loaded += size) {
      weights.add(bench.weight(dtype, matrixRows, columns));
    }
    batch.add(new int[rows], 0, rows, BlockTable.EMPTY, false);
  }

  /**
   * Multiplies with the next matrix.
   *
   * @param work what is counted
   * @return the output
   */
  @Benchmark
  public Activations linear(Multiplied work) {
    Weight weight = weights.get(next++ % weights.size());
    bench.backend().linear(batch, in, weight, null, out);
    work.operations += 2L * rows * matrixRows * columns;
    work.bytes += dtype.bytes((long) matrixRows * columns);
    return out;
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    bench.close();
  }
}

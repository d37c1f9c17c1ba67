package dev.serval.benchmarks;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.StepBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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
 * Layers of experts on the CPU: the counters are multiplications and additions in Gop/s and, with
 * one row, bytes of the experts it goes to in GB/s. So many layers take turns that none is still in
 * a cache.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args="ExpertBenchmark -p rows=1
 * -prof gc"}
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@SuppressWarnings("NullAway.Init") // filled before the first call
public class ExpertBenchmark {
  private static final int EXPERTS = 64;
  private static final int LAYERS = 4;

  /** The kernels, as preferences are written. */
  @Param("generated")
  public String kernels = "";

  /** The type of the weights. */
  @Param({"Q4_0", "Q8_0", "MXFP4", "BF16"})
  public DType dtype = DType.F32;

  /** How wide rows are. */
  @Param("2048")
  public int width;

  /** How wide experts are within. */
  @Param("768")
  public int inner;

  /** To how many experts a row goes. */
  @Param("8")
  public int used;

  /** The rows of the step. */
  @Param({"1", "16", "512"})
  public int rows;

  private final List<ExpertLayer> layers = new ArrayList<>();
  private KernelBench bench;
  private StepBatch batch;
  private Activations in;
  private Activations out;
  private int next;

  /** Loads random weights. */
  @Setup
  public void load() {
    bench = new KernelBench(kernels);
    batch = new StepBatch(rows, 1);
    batch.add(new int[rows], 0, rows, BlockTable.EMPTY, false);
    in = bench.rows(rows, width);
    out = bench.backend().activations(rows, width);
    for (int layer = 0; layer < LAYERS; layer++) {
      layers.add(bench.backend().experts(spec(), rows));
    }
  }

  private ExpertSpec spec() {
    RouterSpec router =
        RouterSpec.softmax(bench.weight(DType.F32, EXPERTS, width), null, used, true, 1);
    return new ExpertSpec(router, experts(), GateFunction.SILU);
  }

  private List<FeedForwardMaps> experts() {
    return Stream.generate(() ->
            new FeedForwardMaps(
                bench.weight(dtype, 2 * inner, width), bench.weight(dtype, width, inner)))
        .limit(EXPERTS)
        .toList();
  }

  /**
   * Goes through the next layer.
   *
   * @param work what is counted
   * @return the output
   */
  @Benchmark
  public Activations experts(Multiplied work) {
    bench.backend().addExperts(batch, in, layers.get(next++ % LAYERS), out);
    long elements = 3L * width * inner;
    work.operations += 2L * rows * used * elements;
    work.bytes += rows == 1 ? used * dtype.bytes(elements) : 0;
    return out;
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    bench.close();
  }
}

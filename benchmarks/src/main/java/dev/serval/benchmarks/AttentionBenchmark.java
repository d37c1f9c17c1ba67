package dev.serval.benchmarks;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.StepBatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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
 * One layer's attention of one sequence on all cores, its last rows after so many tokens: one row
 * is a decode, 512 a chunk of prefill.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args="AttentionBenchmark -p
 * kvType=Q8_0"}
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@SuppressWarnings("NullAway.Init") // filled by open, which comes first
public class AttentionBenchmark {
  private static final int BLOCK_TOKENS = 16;

  /** Which kernels. */
  @Param({"vector"})
  public String kernels = "";

  /** Query heads, key heads and dimensions: of a model with 1.1B parameters, and with 135M. */
  @Param({"32/4/64", "9/3/64"})
  public String shape = "";

  /** How keys and values are kept. */
  @Param({"BF16"})
  public DType kvType = DType.BF16;

  /** Rows of the step. */
  @Param({"1", "512"})
  public int rows;

  /** Tokens of the sequence. */
  @Param({"2048"})
  public int tokens;

  private KernelBench bench;
  private AttentionSpec spec;
  private KvMemory kv;
  private StepBatch batch;
  private Activations in;
  private Activations out;

  /** Fills the cache. */
  @Setup
  public void open() {
    int[] numbers = java.util.Arrays.stream(shape.split("/")).mapToInt(Integer::parseInt).toArray();
    bench = new KernelBench(kernels);
    spec = spec(numbers[0], numbers[1], numbers[2]);
    int blocks = Math.ceilDiv(tokens, BLOCK_TOKENS);
    KvLayout layout = new KvLayout(1, spec.kvHeads(), spec.headDim(), BLOCK_TOKENS, kvType);
    kv = bench.backend().kvMemory(layout, blocks);
    BlockTable table = new BlockTable();
    IntStream.range(0, blocks).forEach(table::add);
    int columns = spec.queryColumns() + 2 * spec.keyColumns();
    StepBatch all = new StepBatch(tokens, 1);
    all.add(new int[tokens], 0, tokens, table, false);
    bench.backend().rotateAndStore(all, bench.rows(tokens, columns), spec, 0, kv);
    in = bench.rows(rows, columns);
    out = bench.backend().activations(rows, spec.queryColumns());
    batch = new StepBatch(rows, 1);
    batch.add(new int[tokens], tokens - rows, rows, table, false);
  }

  private static AttentionSpec spec(int heads, int kvHeads, int headDim) {
    RotaryEmbedding rotary =
        RotaryEmbedding.of(
            IntStream.range(0, headDim / 2)
                .mapToDouble(i -> Math.pow(10_000, -2.0 * i / headDim))
                .toArray());
    float scale = (float) (1 / Math.sqrt(headDim));
    return new AttentionSpec(
        heads,
        kvHeads,
        headDim,
        headDim,
        AttentionSpec.Inputs.ALL,
        scale,
        AttentionSpec.NO_SOFTCAP,
        AttentionWindow.NONE,
        rotary,
        AttentionSpec.NormPlace.BEFORE_ROTATION,
        null,
        null,
        null,
        1e-5f,
        null);
  }

  /** Frees it. */
  @TearDown
  public void close() {
    bench.close();
  }

  /** Attends. */
  @Benchmark
  public void attention() {
    bench.backend().attention(batch, in, spec, 0, kv, out);
  }
}

package dev.serval.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What this machine can do at most, with all of its cores: fused F32 multiplications and additions,
 * in Gop/s, and reading of memory, in GB/s. Other benchmarks' figures stand beside these.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=MachinePeakBenchmark}
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@Threads(Threads.MAX)
public class MachinePeakBenchmark {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int CHAINS = 10;
  private static final int LENGTH = 1_000_000;

  /** What an invocation does, in thousands of millions. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Work {
    /** Multiplications and additions. */
    public double gop;

    /** Bytes read. */
    public double gigabytes;
  }

  /** More than fits into a cache, for each thread. */
  @State(Scope.Thread)
  public static class Memory {
    private static final long BYTES = 256L << 20;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment data = arena.allocate(BYTES, 64).fill((byte) 1);

    /** Frees it. */
    @TearDown
    public void close() {
      arena.close();
    }
  }

  /**
   * Ten chains of multiplications in registers.
   *
   * @param work counts them
   * @return their sum
   */
  @Benchmark
  public float multiply(Work work) {
    FloatVector factor = FloatVector.broadcast(FLOATS, 0.9999f);
    FloatVector a = FloatVector.broadcast(FLOATS, 1e-6f);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    FloatVector e = a;
    FloatVector f = a;
    FloatVector g = a;
    FloatVector h = a;
    FloatVector i = a;
    FloatVector j = a;
    for (int n = 0; n < LENGTH; n++) {
      a = a.fma(factor, factor);
      b = b.fma(factor, factor);
      c = c.fma(factor, factor);
      d = d.fma(factor, factor);
      e = e.fma(factor, factor);
      f = f.fma(factor, factor);
      g = g.fma(factor, factor);
      h = h.fma(factor, factor);
      i = i.fma(factor, factor);
      j = j.fma(factor, factor);
    }
    work.gop += 2e-9 * CHAINS * LENGTH * FLOATS.length();
    return a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).lane(0);
  }

  /**
   * Reads memory from end to end.
   *
   * @param memory what is read
   * @param work counts the bytes
   * @return a sum of what was read
   */
  @Benchmark
  public float read(Memory memory, Work work) {
    FloatVector a = FloatVector.zero(FLOATS);
    FloatVector b = a;
    long step = 2L * FLOATS.vectorByteSize();
    for (long at = 0; at < Memory.BYTES; at += step) {
      a = a.add(load(memory.data, at));
      b = b.add(load(memory.data, at + FLOATS.vectorByteSize()));
    }
    work.gigabytes += Memory.BYTES * 1e-9;
    return a.add(b).lane(0);
  }

  private static FloatVector load(MemorySegment data, long at) {
    return FloatVector.fromMemorySegment(FLOATS, data, at, ByteOrder.LITTLE_ENDIAN);
  }
}

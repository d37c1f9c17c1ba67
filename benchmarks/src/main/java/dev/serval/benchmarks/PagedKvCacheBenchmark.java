package dev.serval.benchmarks;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a block of the KV cache costs from its handing out until it is free again, for prompts whose
 * beginning is found and for prompts that push out older ones.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=PagedKvCacheBenchmark}
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class PagedKvCacheBenchmark {
  private static final int BLOCK_TOKENS = 16;
  private static final int PROMPT_BLOCKS = 256;
  private static final int PROMPT_TOKENS = PROMPT_BLOCKS * BLOCK_TOKENS;

  private final PagedKvCache cache =
      new PagedKvCache(
          new KvLayout(30, 3, 64, BLOCK_TOKENS, DType.BF16),
          16 * PROMPT_BLOCKS,
          ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]),
          new NumericsId("benchmark"),
          true);
  private final KvSequence sequence = cache.open(IsolationScope.HOST);
  private final int[] known = new int[PROMPT_TOKENS];
  private final int[] fresh = new int[PROMPT_TOKENS];

  /** Computes the prompt that is found later. */
  @Setup
  public void compute() {
    known[0] = -1;
    compute(known);
  }

  private void compute(int[] tokens) {
    sequence.reserve(PROMPT_TOKENS);
    sequence.commit(tokens, PROMPT_TOKENS);
    sequence.release();
  }

  /**
   * A prompt that is found in the cache.
   *
   * @return how many of its tokens
   */
  @Benchmark
  @OperationsPerInvocation(PROMPT_BLOCKS)
  public int foundBlock() {
    int found = sequence.reuse(known, PROMPT_TOKENS);
    sequence.release();
    return found;
  }

  /** A prompt that was never seen, in a cache that is full of others. */
  @Benchmark
  @OperationsPerInvocation(PROMPT_BLOCKS)
  public void freshBlock() {
    fresh[0]++;
    compute(fresh);
  }
}

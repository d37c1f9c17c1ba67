package dev.serval.benchmarks;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
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
 * What it costs to name the KV blocks of a prompt, for each of its tokens: the chain of SHA-256
 * over blocks of 16. The goal is 20 ns a token.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=KvKeyBenchmark}
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KvKeyBenchmark {
  private static final int BLOCK_TOKENS = 16;
  private static final int PROMPT_TOKENS = 4096;

  private final KvKey.Hasher hasher = new KvKey.Hasher(BLOCK_TOKENS);
  private final int[] tokens = new int[PROMPT_TOKENS];
  private final KvKey root =
      KvKey.root(
          ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]),
          new KvLayout(30, 3, 64, BLOCK_TOKENS, DType.BF16),
          new NumericsId("benchmark"),
          IsolationScope.HOST);

  /** Fills the prompt. */
  @Setup
  public void fill() {
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = i * 31 % 49152;
    }
  }

  /**
   * Names every block of the prompt.
   *
   * @return the last block's key
   */
  @Benchmark
  @OperationsPerInvocation(PROMPT_TOKENS)
  public KvKey promptToken() {
    KvKey key = root;
    for (int from = 0; from < PROMPT_TOKENS; from += BLOCK_TOKENS) {
      key = hasher.child(key, tokens, from);
    }
    return key;
  }
}

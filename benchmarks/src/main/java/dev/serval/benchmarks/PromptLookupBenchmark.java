package dev.serval.benchmarks;

import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.batching.DraftPolicies;
import dev.serval.testkit.DraftedText;
import java.util.Random;
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
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it takes to look for the end of a text in itself, where it is not to be found: tokens are
 * drawn by Zipf's law from 50,000, as words are.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=PromptLookupBenchmark}
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@SuppressWarnings("NullAway.Init") // set up before each trial
public class PromptLookupBenchmark {
  private static final int VOCABULARY = 50_000;
  private static final int MOST = 16;

  /** The text's length. */
  @Param({"2048", "32768"})
  public int tokens;

  private final DraftPolicy policy = DraftPolicies.promptLookup();
  private final int[] draft = new int[MOST];
  private DraftedSequence text;

  /** Draws the text. */
  @Setup
  public void draw() {
    Random random = new Random(7);
    int[] ids = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      ids[i] = (int) Math.pow(VOCABULARY, random.nextDouble()) - 1;
    }
    ids[tokens - 2] = VOCABULARY;
    ids[tokens - 1] = 0;
    text = new DraftedText(ids, tokens, tokens / 2, new int[0]);
  }

  /**
   * Looks for it.
   *
   * @return how many tokens were guessed
   */
  @Benchmark
  public int lookUp() {
    return policy.draft(text, draft, MOST);
  }
}

package dev.serval.benchmarks;

import dev.serval.api.Bytes;
import dev.serval.api.FinishReason;
import dev.serval.api.Sampling;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.DraftPolicies;
import dev.serval.batching.EngineOptions;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.SteppedEngine;
import dev.serval.batching.VictimPolicies;
import dev.serval.cache.PagedKvCache;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.Set;
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
 * What the engine itself adds to a step: planning, laying out, publishing, drawing and handing
 * over, around a model that computes nothing; {@code planNanos / plans} is the part of it before
 * the model would compute. Sequences of 512 tokens begin again when they end.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=EngineStepBenchmark}
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
@SuppressWarnings("NullAway.Init") // set up before each trial
public class EngineStepBenchmark {
  private static final int PROMPT_TOKENS = 32;
  private static final int TOKENS = 512;
  private static final int BLOCK_TOKENS = 16;

  /** How many sequences take part in each step. */
  @Param({"16", "256", "1024"})
  public int running;

  /** Who decides: first come and fixed budgets, or fair between tenants and sized by time. */
  @Param({"fcfs-fixed", "fair-time"})
  public String policies;

  /** Which tokens are guessed; none of these sequences is predicted. */
  @Param({"none", "predicted"})
  public String drafts;

  private final Stub model = new Stub();
  private SteppedEngine engine;
  private boolean closing;

  /** What all iterations did. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Plans {
    /** The nanoseconds that plans took. */
    public long planNanos;

    /** How many plans there were. */
    public long plans;
  }

  /** Starts the engine and fills it. */
  @Setup
  public void start() {
    engine =
        SteppedEngine.of(
            new EngineOptions(
                "benchmark",
                model,
                new PagedKvCache(
                    new KvLayout(30, 3, 64, BLOCK_TOKENS, DType.BF16),
                    running * (TOKENS / BLOCK_TOKENS + 2),
                    ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]),
                    model.numerics(),
                    true),
                new StepLimits(8192, running, 16),
                4096,
                policies(),
                EngineListener.NONE,
                System::nanoTime,
                Thread.ofPlatform().daemon().factory()));
    for (int i = 0; i < running; i++) {
      new Renewal(i).submit();
    }
  }

  private BatchingPolicies policies() {
    boolean simple = policies.equals("fcfs-fixed");
    return new BatchingPolicies(
        AdmissionPolicies.maxWaiting(2 * running),
        OrderPolicies.levelsFirst(
            simple ? OrderPolicies.firstComeFirstServed() : OrderPolicies.fairBetweenTenants()),
        simple ? ChunkPolicies.fixedBudget(8192) : ChunkPolicies.timeSized(),
        simple ? VictimPolicies.lastIn() : VictimPolicies.leastCost(),
        drafts.equals("none") ? DraftPolicy.NONE : DraftPolicies.predicted());
  }

  /** Ends them all. */
  @TearDown
  public void close() {
    closing = true;
    engine.close();
  }

  /**
   * Takes a step.
   *
   * @param plans what is counted
   */
  @Benchmark
  public void step(Plans plans) {
    long begin = System.nanoTime();
    engine.step();
    plans.planNanos += model.planned - begin;
    plans.plans++;
  }

  /** A sequence that is submitted again when it has ended. */
  private final class Renewal implements TokenSink {
    private final int[] prompt = new int[PROMPT_TOKENS];
    private int rounds;

    Renewal(int number) {
      prompt[0] = number;
    }

    void submit() {
      prompt[1] = rounds++ % 1000;
      int tokens = TOKENS - PROMPT_TOKENS - (prompt[0] + rounds) % 64;
      engine.submit(
          SequenceRequest.builder("s", prompt.clone(), tokens).stopTokens(Set.of(2, 3)).build(),
          this);
    }

    @Override
    public Verdict token(SampledToken token) {
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {
      if (outcome.reason() == FinishReason.LENGTH && !closing) {
        submit();
      }
    }
  }

  /** Computes nothing, and always says the same. */
  private static final class Stub implements ModelExecutor, Logits {
    private long planned;
    private int rows;

    @Override
    public ModelSpec spec() {
      return new ModelSpec(
          "stub",
          49152,
          8192,
          30,
          0,
          Collections.nCopies(30, new KvShape(3, 64)),
          StateShape.NONE,
          1,
          1,
          0,
          Bytes.ZERO);
    }

    @Override
    public NumericsId numerics() {
      return new NumericsId("benchmark");
    }

    @Override
    public boolean verifiesDrafts() {
      return true;
    }

    @Override
    public Logits execute(StepBatch batch) {
      planned = System.nanoTime();
      rows = batch.logitRows();
      return this;
    }

    @Override
    public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
      return (logits, row, out) -> out.set(7);
    }

    @Override
    public int rows() {
      return rows;
    }

    @Override
    public int vocabulary() {
      return 49152;
    }

    @Override
    public MemorySegment row(int row) {
      throw new UnsupportedOperationException("a stub has no scores");
    }
  }
}

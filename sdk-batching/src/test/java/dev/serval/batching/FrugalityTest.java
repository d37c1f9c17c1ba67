package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.ThreadMeter;
import dev.serval.testkit.models.RecallModel;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What an engine's thread allocates and burns when there is nothing new. The least of several
 * stretches counts: what is there always is in each of them, and what the JVM does once is not.
 */
@Timeout(300)
final class FrugalityTest {
  private static final int SEQUENCES = 16;
  private static final int DRAFT = 16;
  private static final int WARM_UP = 1000;
  private static final int STRETCH = 500;
  private static final int STRETCHES = 8;
  private static final int TOKENS = WARM_UP + STRETCHES * STRETCH + 100;
  private static final int LOOKS = 20;

  private final ThreadMeter meter = new ThreadMeter();
  private final CountDownLatch done = new CountDownLatch(SEQUENCES);
  private final CountDownLatch submitted = new CountDownLatch(1);
  private final AtomicReference<Thread> thread = new AtomicReference<>();
  private volatile long allocated = Long.MAX_VALUE;

  private Engine engine(boolean prefixReuse, DraftPolicy draft) {
    int blocks = SEQUENCES * (TOKENS / 16 + 1);
    RecallModel model = new RecallModel(8, blocks, 16, SEQUENCES + DRAFT);
    return ContinuousBatchingEngine.start(
        new EngineOptions(
            "frugal",
            model,
            new PagedKvCache(
                model.layout(),
                blocks,
                ArtefactDigest.of(new byte[32]),
                model.numerics(),
                prefixReuse),
            new StepLimits(64, SEQUENCES, DRAFT),
            1_000_000,
            new BatchingPolicies(
                AdmissionPolicies.maxWaiting(100),
                OrderPolicies.levelsFirst(OrderPolicies.fairBetweenTenants()),
                ChunkPolicies.timeSized(),
                VictimPolicies.leastCost(),
                draft),
            new EngineListener() {},
            System::nanoTime,
            body -> {
              thread.set(Thread.ofPlatform().daemon().unstarted(() -> onceSubmitted(body)));
              return thread.get();
            }));
  }

  /** All sequences begin in one step, so that none still grows its arrays while it is measured. */
  private void onceSubmitted(Runnable body) {
    try {
      submitted.await();
      body.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Without prefix reuse nothing; with it a key of 48 bytes for each block of 16 tokens. */
  @ParameterizedTest
  @CsvSource({"false, false, 0.5", "true, false, 3.5", "false, true, 0.5"})
  void steady_decode_allocates_nothing_but_keys(
      boolean prefixReuse, boolean drafts, double bytesPerToken) throws InterruptedException {
    DraftPolicy draft = drafts ? DraftPolicies.promptLookup() : DraftPolicy.NONE;
    try (Engine engine = engine(prefixReuse, draft)) {
      submitAll(engine);
      done.await();
    }
    assertThat((double) allocated / (STRETCH * SEQUENCES)).isBetween(0.0, bytesPerToken);
  }

  private void submitAll(Engine engine) {
    try {
      for (int i = 0; i < SEQUENCES; i++) {
        engine.submit(request(i), new Meter(i == 0));
      }
    } finally {
      submitted.countDown();
    }
  }

  private static SequenceRequest request(int number) {
    return SequenceRequest.builder("s" + number, new int[] {number % 8, number / 8, 3}, TOKENS - 3)
        .stopTokens(Set.of(1000))
        .build();
  }

  @Test
  void an_idle_engine_burns_no_processor() throws InterruptedException {
    try (Engine engine = engine(true, DraftPolicy.NONE)) {
      engine.submit(request(1), new Meter(false)).cancel();
      submitted.countDown();
      long least = Long.MAX_VALUE;
      for (int look = 0; look < LOOKS && least >= 10_000_000; look++) {
        long before = meter.processorNanos(thread.get());
        Thread.sleep(300);
        least = Math.min(least, meter.processorNanos(thread.get()) - before);
      }
      assertThat(least).isLessThan(10_000_000);
    }
  }

  /** Reads what the engine's thread allocates in each stretch of its sequence's tokens. */
  private final class Meter implements TokenSink {
    private final boolean measures;
    private int count;
    private long start;

    Meter(boolean measures) {
      this.measures = measures;
    }

    @Override
    public Verdict token(SampledToken token) {
      count++;
      if (measures && count >= WARM_UP && (count - WARM_UP) % STRETCH == 0) {
        long now = meter.allocatedBytes();
        if (count > WARM_UP) {
          allocated = Math.min(allocated, now - start);
        }
        start = now;
      }
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {
      done.countDown();
    }
  }
}

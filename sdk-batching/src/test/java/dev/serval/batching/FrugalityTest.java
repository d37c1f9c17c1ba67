package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.RecallModel;
import dev.serval.testkit.ThreadMeter;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an engine's thread allocates and burns when there is nothing new. */
@Timeout(60)
final class FrugalityTest {
  private static final int SEQUENCES = 16;
  private static final int WARM_UP = 2900;
  private static final int MEASURED = 1000;
  private static final int TOKENS = WARM_UP + MEASURED + 100;

  private final ThreadMeter meter = new ThreadMeter();
  private final CountDownLatch done = new CountDownLatch(SEQUENCES);
  private final CountDownLatch submitted = new CountDownLatch(1);
  private final AtomicReference<Thread> thread = new AtomicReference<>();
  private volatile long allocated;

  private Engine engine(boolean prefixReuse) {
    int blocks = SEQUENCES * (TOKENS / 16 + 1);
    RecallModel model = new RecallModel(8, blocks, 16, SEQUENCES);
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
            new StepLimits(64, SEQUENCES),
            1_000_000,
            new BatchingPolicies(
                AdmissionPolicies.maxWaiting(100),
                OrderPolicies.levelsFirst(OrderPolicies.fairBetweenTenants()),
                ChunkPolicies.timeSized(),
                VictimPolicies.leastCost()),
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
  @CsvSource({"false, 0.5", "true, 3.5"})
  void steady_decode_allocates_nothing_but_keys(boolean prefixReuse, double bytesPerToken)
      throws InterruptedException {
    try (Engine engine = engine(prefixReuse)) {
      submitAll(engine);
      assertThat(done.await(50, TimeUnit.SECONDS)).isTrue();
    }
    assertThat((double) allocated / (MEASURED * SEQUENCES)).isBetween(0.0, bytesPerToken);
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
    try (Engine engine = engine(true)) {
      engine.submit(request(1), new Meter(false)).cancel();
      submitted.countDown();
      Thread.sleep(50);
      long before = meter.processorNanos(thread.get());
      Thread.sleep(300);
      assertThat(meter.processorNanos(thread.get()) - before).isLessThan(10_000_000);
    }
  }

  /** Reads what the engine's thread has allocated, at two of its sequence's tokens. */
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
      if (measures && count == WARM_UP) {
        start = meter.allocatedBytes();
      } else if (measures && count == WARM_UP + MEASURED) {
        allocated = meter.allocatedBytes() - start;
      }
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {
      done.countDown();
    }
  }
}

package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** More requests than can be served, in a time that the test makes. */
final class OverloadTest {
  private static final long TARGET = 1_000_000_000;
  private static final ServiceLevel READER =
      new ServiceLevel("reader", 2, Duration.ofNanos(TARGET), Duration.ofMillis(100));
  private static final ServiceTerms TERMS = new ServiceTerms(READER, Tenant.HOST, null);

  private final List<Long> ttfts = new ArrayList<>();
  private int refused;

  /** 5 ms a step, 0.5 ms a token: some 1,500 tokens a second beside decodes. */
  private static long cost(StepBatch batch) {
    double nanos = 5e6;
    for (int i = 0; i < batch.sequences(); i++) {
      int count = batch.firstRow(i + 1) - batch.firstRow(i);
      nanos += count == 1 ? 2e5 : 5e5 * count;
    }
    return (long) nanos;
  }

  private DrivenEngine engine(Setup setup) {
    return setup.blocks(2000, 16).context(4000).limits(512, 32).cost(OverloadTest::cost).engine();
  }

  /** Remembers how long its first token took. */
  private final class First implements TokenSink {
    private final DrivenEngine engine;
    private final long submitted;
    private boolean begun;

    First(DrivenEngine engine) {
      this.engine = engine;
      submitted = engine.now();
    }

    @Override
    public Verdict token(SampledToken token) {
      if (!begun) {
        ttfts.add(engine.now() - submitted);
        begun = true;
      }
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {}
  }

  /** Requests arrive by a Poisson process for so long. */
  private void load(DrivenEngine engine, double perSecond, long nanos, Random random) {
    long end = engine.now() + nanos;
    double next = engine.now();
    while (engine.now() < end) {
      while (next <= engine.now()) {
        submit(engine, random);
        next += -Math.log(1 - random.nextDouble()) / perSecond * 1e9;
      }
      if (!engine.step()) {
        engine.sleepUntil((long) Math.ceil(next));
      }
    }
  }

  private void submit(DrivenEngine engine, Random random) {
    try {
      int length = 50 + random.nextInt(300);
      int[] prompt = random.ints(length, 0, DrivenEngine.VOCABULARY).toArray();
      engine.submit(prompt, 20, TERMS, new First(engine));
    } catch (RequestRejectedException e) {
      assertThat(e.reason()).isEqualTo(Reason.OVERLOADED);
      assertThat(e.retryAfter()).isPresent();
      refused++;
    }
  }

  @RepeatedTest(5)
  void at_twice_the_capacity_those_who_are_let_in_have_their_first_token_in_time(
      TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    Random random = new Random(seed);
    DrivenEngine engine =
        engine(
            new Setup()
                .admission(AdmissionPolicies.withinTtft(0.8))
                .chunk(ChunkPolicies.timeSized()));
    load(engine, 4, 10_000_000_000L, random);
    ttfts.clear();
    refused = 0;
    load(engine, 18, 120_000_000_000L, random);
    long inTime = ttfts.stream().filter(ttft -> ttft <= TARGET).count();
    assertThat((double) inTime / ttfts.size()).as("seed %d", seed).isGreaterThanOrEqualTo(0.99);
    assertThat(ttfts.size()).as("served beside %d refused", refused).isGreaterThan(600);
    assertThat(refused).isGreaterThan(600);
  }

  @Test
  void bounds_on_requests_and_tokens_are_never_exceeded() {
    DrivenEngine engine =
        engine(
            new Setup()
                .admission(
                    AdmissionPolicies.all(
                        AdmissionPolicies.maxWaiting(20),
                        AdmissionPolicies.maxWaitingTokens(2000))));
    Random random = new Random(3);
    for (int i = 0; i < 300; i++) {
      for (int j = 0; j < 10; j++) {
        submitWhatever(engine, random);
        assertThat(engine.engine.load().waiting()).isLessThanOrEqualTo(20);
        assertThat(engine.engine.load().waitingTokens()).isLessThanOrEqualTo(2000);
      }
      engine.step();
    }
    assertThat(refused).isPositive();
    engine.run();
    assertThat(engine.engine.load().waitingTokens()).isZero();
    assertThat(engine.engine.load().tokensAhead(ServiceLevel.LOWEST_RANK)).isZero();
  }

  private void submitWhatever(DrivenEngine engine, Random random) {
    try {
      engine.submit(
          prompt(random.nextInt(10_000), 1 + random.nextInt(300)), 20, new CollectingSink());
    } catch (RequestRejectedException e) {
      refused++;
    }
  }

  @Test
  void lower_classes_are_turned_away_sooner() {
    DrivenEngine engine = engine(new Setup().admission(AdmissionPolicies.maxWaiting(10)));
    ServiceTerms batch = new ServiceTerms(ServiceLevel.BATCH, Tenant.HOST, null);
    for (int i = 0; i < 5; i++) {
      engine.submit(prompt(i, 10), 5, batch, new CollectingSink());
    }
    assertThatExceptionOfType(RequestRejectedException.class)
        .isThrownBy(() -> engine.submit(prompt(9, 10), 5, batch, new CollectingSink()))
        .withMessage("5 requests wait already, and no more than 5 for class 'batch' may");
    engine.submit(prompt(9, 10), 5, TERMS, new CollectingSink());
  }

  @Test
  void a_refusal_takes_less_than_a_millisecond() {
    DrivenEngine engine = engine(new Setup().admission(AdmissionPolicies.maxWaiting(100)));
    for (int i = 0; i < 100; i++) {
      engine.submit(prompt(i, 100), 5, TERMS, new CollectingSink());
    }
    Applicant applicant = new Applicant(100, OptionalInt.of(5), 0, TERMS);
    long[] nanos = new long[1001];
    for (int i = 0; i < nanos.length; i++) {
      long begin = System.nanoTime();
      assertThatExceptionOfType(RequestRejectedException.class)
          .isThrownBy(() -> engine.engine.requireAdmission(applicant));
      nanos[i] = System.nanoTime() - begin;
    }
    Arrays.sort(nanos);
    assertThat(nanos[nanos.length / 2]).isLessThan(1_000_000);
  }
}

package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Setup;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Decodes beside long prompts on a machine whose steps take what the test says. */
final class TimeSizedChunksTest {
  private static final long TARGET = 50_000_000;
  private static final int DECODES = 6;
  private static final int PROMPT = 2000;
  private static final ServiceLevel READER =
      new ServiceLevel("reader", 2, Duration.ofSeconds(2), Duration.ofNanos(TARGET));

  private final SplittableRandom random = new SplittableRandom(5);
  private double speed = 1;
  private double outliers;

  /** About the machine that this is built on: 10 ms to read the weights, 0.5 ms for each token. */
  private long cost(StepBatch batch) {
    double nanos = 10e6;
    for (int i = 0; i < batch.sequences(); i++) {
      int first = batch.firstRow(i);
      int count = batch.firstRow(i + 1) - first;
      int cached = batch.position(first);
      nanos +=
          3e2 * cached + (count == 1 ? 3e5 : 4e5 * count + 60.0 * (2.0 * cached + count) * count);
    }
    double noise = 1 + 0.04 * (random.nextDouble() - 0.5);
    return (long) (nanos * noise / speed + (random.nextDouble() < outliers ? 200e6 : 0));
  }

  private DrivenEngine engine(ChunkPolicy chunk) {
    return new Setup()
        .blocks(6000, 16)
        .context(80_000)
        .limits(2048, 16)
        .chunk(chunk)
        .cost(this::cost)
        .engine();
  }

  private static ServiceTerms terms(ServiceLevel level) {
    return new ServiceTerms(level, Tenant.HOST, null);
  }

  /** Remembers the gaps between its sequence's tokens. */
  private static final class Gaps implements TokenSink {
    private final DrivenEngine engine;
    private final List<Long> gaps = new ArrayList<>();
    private long last = -1;
    private int tokens;

    Gaps(DrivenEngine engine) {
      this.engine = engine;
    }

    @Override
    public Verdict token(SampledToken token) {
      tokens++;
      if (last >= 0) {
        gaps.add(engine.now() - last);
      }
      last = engine.now();
      return Verdict.CONTINUE;
    }

    @Override
    public void ended(SequenceOutcome outcome) {}
  }

  private List<Gaps> decodes(DrivenEngine engine, ServiceLevel level) {
    List<Gaps> all = new ArrayList<>();
    for (int i = 0; i < DECODES; i++) {
      Gaps gaps = new Gaps(engine);
      all.add(gaps);
      engine.submit(prompt(i, 20), 70_000, terms(level), gaps);
    }
    return all;
  }

  /** Runs for so long, with a long prompt for a short answer each so often. */
  private void run(DrivenEngine engine, long nanos, long every) {
    long end = engine.now() + nanos;
    long next = engine.now();
    for (int i = 0; engine.now() < end; i++) {
      while (engine.now() < next && engine.now() < end) {
        engine.step();
      }
      next += every;
      engine.submit(prompt(100 + i, PROMPT), 4, terms(READER), new Gaps(engine));
    }
  }

  private static void forget(List<Gaps> all) {
    all.forEach(gaps -> gaps.gaps.clear());
  }

  private static long[] sorted(List<Gaps> all) {
    return all.stream().flatMap(g -> g.gaps.stream()).mapToLong(Long::longValue).sorted().toArray();
  }

  private static double percentile(List<Gaps> all, double share) {
    long[] sorted = sorted(all);
    return sorted[(int) Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  }

  private double p999(ChunkPolicy chunk) {
    DrivenEngine engine = engine(chunk);
    List<Gaps> all = decodes(engine, READER);
    run(engine, 10_000_000_000L, 3_000_000_000L);
    forget(all);
    run(engine, 60_000_000_000L, 3_000_000_000L);
    return percentile(all, 0.999);
  }

  @Test
  void decodes_keep_their_target_beside_long_prompts_where_fixed_budgets_do_not() {
    assertThat(p999(ChunkPolicies.timeSized())).isLessThanOrEqualTo(TARGET);
    assertThat(p999(ChunkPolicies.fixedBudget(512))).isGreaterThan(3 * TARGET);
    assertThat(p999(ChunkPolicies.fixedBudget(2048))).isGreaterThan(3 * TARGET);
  }

  @Test
  void the_time_that_the_target_leaves_is_used() {
    DrivenEngine engine = engine(ChunkPolicies.timeSized());
    List<Gaps> all = decodes(engine, READER);
    run(engine, 10_000_000_000L, 2_000_000_000L);
    forget(all);
    run(engine, 20_000_000_000L, 500_000_000L);
    assertThat(percentile(all, 0.5)).isBetween(0.75 * TARGET, 1.0 * TARGET);
  }

  @Test
  void a_machine_that_becomes_slower_is_followed() {
    DrivenEngine engine = engine(ChunkPolicies.timeSized());
    List<Gaps> all = decodes(engine, READER);
    run(engine, 10_000_000_000L, 2_000_000_000L);
    speed = 0.5;
    run(engine, 10_000_000_000L, 2_000_000_000L);
    forget(all);
    run(engine, 60_000_000_000L, 5_000_000_000L);
    assertThat(percentile(all, 0.999)).isLessThanOrEqualTo(TARGET);
  }

  @Test
  void a_pause_now_and_then_costs_the_steps_it_hits_alone() {
    DrivenEngine engine = engine(ChunkPolicies.timeSized());
    List<Gaps> all = decodes(engine, READER);
    outliers = 0.005;
    run(engine, 20_000_000_000L, 2_000_000_000L);
    forget(all);
    run(engine, 60_000_000_000L, 3_000_000_000L);
    assertThat(percentile(all, 0.99)).isLessThanOrEqualTo(TARGET);
    assertThat(percentile(all, 0.95)).isGreaterThan(0.5 * TARGET);
  }

  @Test
  void without_a_target_beside_it_a_prompt_is_computed_in_few_steps() {
    DrivenEngine engine = engine(ChunkPolicies.timeSized());
    List<Gaps> all = decodes(engine, ServiceLevel.BATCH);
    run(engine, 10_000_000_000L, 3_000_000_000L);
    forget(all);
    run(engine, 30_000_000_000L, 3_000_000_000L);
    assertThat(percentile(all, 1)).isBetween(300e6, 700e6);
  }

  @Test
  void lower_classes_yield_to_decodes_that_would_miss_their_target_and_say_so() {
    List<String> yielded = new ArrayList<>();
    DrivenEngine engine =
        new Setup()
            .blocks(6000, 16)
            .context(80_000)
            .limits(2048, 256)
            .chunk(ChunkPolicies.timeSized())
            .cost(this::cost)
            .listener(
                new EngineListener() {
                  @Override
                  public void yielded(SequenceView sequence) {
                    yielded.add(sequence.level().name());
                  }
                })
            .engine();
    List<Gaps> readers = decodes(engine, READER);
    run(engine, 5_000_000_000L, 1_000_000_000L);
    List<Gaps> batch = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      batch.add(new Gaps(engine));
      engine.submit(prompt(i, 8), 2_000, terms(ServiceLevel.BATCH), batch.getLast());
    }
    engine.steps(100);
    forget(readers);
    run(engine, 20_000_000_000L, 25_000_000_000L);
    assertThat(percentile(readers, 0.99)).isLessThanOrEqualTo(TARGET);
    assertThat(yielded).contains("batch").doesNotContain("reader");
    List<Gaps> begun = batch.stream().filter(gaps -> gaps.tokens > 0).toList();
    assertThat(begun).hasSizeGreaterThan(50).allMatch(gaps -> gaps.tokens > 10);
  }

  @Test
  void a_short_prompt_does_not_wait_for_a_long_one_that_comes_with_it() {
    DrivenEngine engine = engine(ChunkPolicies.timeSized());
    run(engine, 5_000_000_000L, 500_000_000L);
    engine.run();
    long begin = engine.now();
    Gaps answer = new Gaps(engine);
    engine.submit(prompt(7, 20), 10, terms(READER), answer);
    engine.submit(prompt(8, PROMPT), 4, terms(READER), new Gaps(engine));
    engine.run();

    assertThat(answer.last - begin - sum(answer.gaps)).isLessThanOrEqualTo(TARGET);
    assertThat(answer.gaps).hasSize(9).allSatisfy(gap -> assertThat(gap).isLessThan(TARGET));
  }

  private static long sum(List<Long> gaps) {
    return gaps.stream().mapToLong(Long::longValue).sum();
  }
}

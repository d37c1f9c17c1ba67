package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Classes, deadlines and who gives way to whom. */
final class ServiceLevelsTest {
  private static final ServiceTerms READER = ServiceTerms.DEFAULT;
  private static final ServiceTerms BATCH = new ServiceTerms(ServiceLevel.BATCH, Tenant.HOST, null);

  private final CollectingSink first = new CollectingSink();
  private final CollectingSink second = new CollectingSink();
  private final CollectingSink third = new CollectingSink();
  private final List<String> preempted = new ArrayList<>();
  private final EngineListener listener =
      new EngineListener() {
        @Override
        public void preempted(SequenceView sequence, int lostTokens) {
          preempted.add(sequence.level().name());
        }
      };

  private static ServiceTerms deadline(Duration deadline) {
    return new ServiceTerms(ServiceLevel.INTERACTIVE, Tenant.HOST, deadline);
  }

  @Test
  void a_higher_class_begins_before_a_lower_one_that_came_first() {
    DrivenEngine engine =
        new Setup()
            .limits(16, 1)
            .order(OrderPolicies.levelsFirst(OrderPolicies.firstComeFirstServed()))
            .engine();
    engine.submit(prompt(1, 4), 1, BATCH, first);
    engine.submit(prompt(2, 4), 1, READER, second);
    engine.step();
    assertThat(second.hasEnded()).isTrue();
    assertThat(first.hasEnded()).isFalse();
  }

  @Test
  void a_lower_class_gives_its_place_to_a_higher_one_and_goes_on_later() {
    DrivenEngine engine =
        new Setup()
            .limits(16, 1)
            .order(OrderPolicies.levelsFirst(OrderPolicies.firstComeFirstServed()))
            .listener(listener)
            .engine();
    engine.submit(prompt(1, 4), 20, BATCH, first);
    engine.steps(3);
    engine.submit(prompt(2, 4), 2, READER, second);
    engine.steps(2);
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 4), 2));
    assertThat(preempted).containsExactly("batch");
    engine.run();
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 4), 20));
  }

  @Test
  void a_lower_class_gives_its_blocks_to_a_higher_one_that_begins() {
    DrivenEngine engine =
        new Setup()
            .blocks(6, 4)
            .order(OrderPolicies.levelsFirst(OrderPolicies.firstComeFirstServed()))
            .listener(listener)
            .engine();
    engine.submit(prompt(1, 15), 5, BATCH, first);
    engine.steps(2);
    engine.submit(prompt(2, 15), 5, READER, second);
    engine.step();
    assertThat(second.tokens()).hasSize(1);
    assertThat(preempted).containsExactly("batch");
    engine.run();
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 15), 5));
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 15), 5));
  }

  @Test
  void an_equal_class_gives_neither_place_nor_blocks() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(16, 2).listener(listener).engine();
    engine.submit(prompt(1, 15), 5, READER, first);
    engine.steps(2);
    engine.submit(prompt(2, 15), 5, READER, second);
    engine.steps(2);
    assertThat(second.tokens()).isEmpty();
    assertThat(preempted).isEmpty();
  }

  @Test
  void the_victim_is_of_the_lowest_class_whoever_came_last() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 8).listener(listener).engine();
    engine.submit(prompt(1, 4), 8, BATCH, first);
    engine.submit(prompt(2, 4), 8, READER, second);
    engine.submit(prompt(3, 4), 8, READER, third);
    engine.run();
    assertThat(preempted).isNotEmpty().containsOnly("batch");
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 4), 8));
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 4), 8));
  }

  @Test
  void who_had_to_give_way_comes_back_before_those_that_came_later() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 2).listener(listener).engine();
    engine.submit(prompt(1, 7), 9, READER, first);
    engine.submit(prompt(2, 7), 9, READER, second);
    engine.submit(prompt(3, 7), 3, READER, third);
    engine.run();
    assertThat(preempted).isNotEmpty();
    assertThat(second.awaitEnd().preemptions()).isPositive();
    assertThat(second.awaitEnd().endedNanos()).isLessThan(third.awaitEnd().endedNanos());
  }

  @Test
  void a_request_whose_deadline_passes_while_it_waits_ends_with_that_reason() {
    DrivenEngine engine = new Setup().limits(16, 1).cost(batch -> 10_000_000).engine();
    engine.submit(prompt(1, 4), 50, READER, first);
    engine.submit(prompt(2, 4), 5, deadline(Duration.ofMillis(45)), second);
    engine.steps(4);
    assertThat(second.hasEnded()).isFalse();
    engine.steps(2);
    assertThat(second.awaitEnd().reason()).isEqualTo(FinishReason.DEADLINE);
    assertThat(second.awaitEnd().failure()).isNull();
    assertThat(second.tokens()).isEmpty();
    assertThat(first.hasEnded()).isFalse();
  }

  @Test
  void a_request_whose_deadline_passes_while_it_runs_keeps_what_it_has() {
    DrivenEngine engine = new Setup().cost(batch -> 10_000_000).engine();
    engine.submit(prompt(1, 4), 50, deadline(Duration.ofMillis(45)), first);
    engine.run();
    assertThat(first.awaitEnd().reason()).isEqualTo(FinishReason.DEADLINE);
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 4), 5));
    assertThat(engine.cache.freeBlocks()).isEqualTo(engine.cache.totalBlocks());
  }

  @Test
  void a_request_that_cannot_make_its_deadline_is_refused_at_once() {
    DrivenEngine engine = new Setup().limits(16, 1).cost(batch -> 10_000_000).engine();
    for (int i = 0; i < 20; i++) {
      engine.submit(prompt(i, 30), 1, READER, new CollectingSink());
    }
    engine.steps(10);
    RequestRejectedException refusal =
        catchThrowableOfType(
            RequestRejectedException.class,
            () -> engine.submit(prompt(99, 30), 1, deadline(Duration.ofMillis(50)), first));
    assertThat(refusal.reason()).isEqualTo(Reason.DEADLINE);
    assertThat(refusal)
        .hasMessageMatching("the first token is about \\d{3} ms away, .* only 50 ms");
    assertThat(refusal.retryAfter().orElseThrow())
        .isBetween(Duration.ofMillis(100), Duration.ofMillis(500));
    engine.submit(prompt(99, 30), 1, deadline(Duration.ofSeconds(2)), first);
    engine.run();
    assertThat(first.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
  }
}

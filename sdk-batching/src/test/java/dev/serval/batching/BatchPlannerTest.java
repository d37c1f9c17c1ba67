package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.TokenSink.Verdict;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Run;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What goes into a step, step by step. */
final class BatchPlannerTest {
  private final CollectingSink first = new CollectingSink();
  private final CollectingSink second = new CollectingSink();
  private final CollectingSink third = new CollectingSink();

  /** Pauses after its first token, and after each one that follows a resumption. */
  private static final class PausingSink extends CollectingSink {
    @Override
    protected Verdict verdict(SampledToken token) {
      return Verdict.PAUSE;
    }
  }

  @Test
  void a_prompt_is_computed_in_chunks_of_the_policys_size() {
    DrivenEngine engine = new Setup().chunk(ChunkPolicies.fixedBudget(8)).engine();
    engine.submit(prompt(1, 20), 2, first);
    engine.run();
    assertThat(engine.steps)
        .containsExactly(
            List.of(new Run(0, 8)),
            List.of(new Run(8, 8)),
            List.of(new Run(16, 4)),
            List.of(new Run(20, 1)));
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 20), 2));
  }

  @Test
  void decodes_go_on_beside_the_chunks_of_others() {
    DrivenEngine engine = new Setup().chunk(ChunkPolicies.fixedBudget(8)).engine();
    engine.submit(prompt(1, 4), 10, first);
    engine.step();
    engine.submit(prompt(2, 20), 10, second);
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(4, 1), new Run(0, 7));
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(5, 1), new Run(7, 7));
  }

  @Test
  void the_executors_limits_hold_whatever_the_chunk_policy_says() {
    DrivenEngine engine = new Setup().limits(16, 3).engine();
    for (int i = 0; i < 5; i++) {
      engine.submit(prompt(i, 7), 10, new CollectingSink());
    }
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(0, 7), new Run(0, 7), new Run(0, 2));
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(7, 1), new Run(7, 1), new Run(2, 5));
    assertThat(engine.load()).isEqualTo(new EngineLoad(2, 3, 94, 100));
  }

  @Test
  void a_step_is_not_left_empty_because_the_chunk_policy_wants_nothing() {
    DrivenEngine engine = new Setup().chunk((sequence, planned, snapshot) -> -5).engine();
    engine.submit(prompt(1, 3), 2, first);
    engine.submit(prompt(2, 3), 2, second);
    engine.run();
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 3), 2));
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 3), 2));
    assertThat(engine.steps.getFirst()).containsExactly(new Run(0, 1));
  }

  @Test
  void a_sequence_begins_behind_the_prefix_that_is_found() {
    DrivenEngine engine = new Setup().engine();
    engine.submit(prompt(1, 12), 3, first);
    engine.run();
    engine.submit(prompt(1, 12), 3, second);
    engine.step();
    assertThat(engine.lastStep()).as("one token is always left").containsExactly(new Run(8, 4));
    engine.run();
    assertThat(second.tokens()).isEqualTo(first.tokens());
    assertThat(second.awaitEnd().cachedPromptTokens()).isEqualTo(8);
    assertThat(first.awaitEnd().cachedPromptTokens()).isZero();
  }

  @Test
  void who_was_handed_over_first_begins_first() {
    DrivenEngine engine = new Setup().limits(16, 1).engine();
    engine.submit(prompt(1, 4), 2, first);
    engine.submit(prompt(2, 4), 2, second);
    engine.steps(2);
    assertThat(first.hasEnded()).isTrue();
    assertThat(second.tokens()).isEmpty();
  }

  @Test
  void the_lowest_priority_number_begins_first() {
    DrivenEngine engine = new Setup().limits(16, 1).order(OrderPolicies.priority()).engine();
    List<Integer> ends = new ArrayList<>();
    int[] priorities = {3, 1, 2, 1};
    for (int i = 0; i < priorities.length; i++) {
      int number = i;
      engine.submit(
          prompt(i, 4),
          1,
          priorities[i],
          new CollectingSink() {
            @Override
            protected void afterEnd(SequenceOutcome end) {
              ends.add(number);
            }
          });
    }
    engine.run();
    assertThat(ends).containsExactly(1, 3, 2, 0);
  }

  @Test
  void a_small_sequence_does_not_overtake_a_large_one_that_finds_no_room() {
    DrivenEngine engine = new Setup().blocks(10, 4).engine();
    engine.submit(prompt(1, 16), 10, first);
    engine.submit(prompt(2, 24), 2, second);
    engine.submit(prompt(3, 2), 2, third);
    engine.steps(3);
    assertThat(second.tokens()).isEmpty();
    assertThat(third.tokens()).isEmpty();
    engine.run();
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 24), 2));
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 2), 2));
  }

  @Test
  void a_sequence_begins_only_if_a_block_is_left_for_each_that_runs() {
    DrivenEngine engine = new Setup().blocks(4, 4).engine();
    engine.submit(prompt(1, 4), 2, first);
    engine.submit(prompt(2, 12), 2, second);
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(0, 4));
    engine.run();
    assertThat(second.awaitEnd().preemptions()).isZero();
  }

  @Test
  void the_last_in_gives_way_and_is_the_first_to_come_back() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 8).engine();
    engine.submit(prompt(1, 7), 12, first);
    engine.submit(prompt(2, 7), 12, second);
    engine.step();
    engine.submit(prompt(3, 4), 12, third);
    while (engine.load().running() == 2) {
      engine.step();
    }
    assertThat(second.tokens().length).isPositive();
    assertThat(first.hasEnded()).isFalse();
    assertThat(engine.load().waiting()).isEqualTo(2);
    while (!first.hasEnded()) {
      engine.step();
    }
    assertThat(third.tokens()).isEmpty();
    engine.run();
    assertThat(first.awaitEnd().preemptions()).isZero();
    assertThat(second.awaitEnd().preemptions()).isEqualTo(1);
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 7), 12));
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 7), 12));
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 4), 12));
    assertThat(second.awaitEnd().endedNanos()).isLessThan(third.awaitEnd().endedNanos());
  }

  @Test
  void who_comes_back_finds_what_nobody_has_overwritten() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 8).engine();
    engine.submit(prompt(1, 7), 6, first);
    engine.submit(prompt(2, 11), 6, second);
    while (second.tokens().length < 5 && !first.hasEnded()) {
      engine.step();
    }
    engine.run();
    assertThat(second.awaitEnd().preemptions()).isEqualTo(1);
    assertThat(engine.cache.statistics().hitTokens()).isPositive();
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 11), 6));
  }

  @Test
  void a_needy_sequence_that_is_its_own_victim_waits() {
    DrivenEngine engine =
        new Setup()
            .blocks(6, 4)
            .limits(32, 8)
            .victim((needy, snapshot) -> {
              int index = 0;
              while (snapshot.running(index).arrival() != needy.arrival()) {
                index++;
              }
              return index;
            })
            .engine();
    engine.submit(prompt(1, 7), 16, first);
    engine.submit(prompt(2, 7), 16, second);
    engine.run();
    assertThat(first.awaitEnd().preemptions()).isPositive();
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 7), 16));
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 7), 16));
  }

  @Test
  void paused_sequences_give_way_before_running_ones_the_longest_paused_first() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 8).engine();
    PausingSink early = new PausingSink();
    PausingSink late = new PausingSink();
    EngineSequence earlyHandle = engine.submit(prompt(1, 5), 10, early);
    engine.step();
    engine.submit(prompt(2, 5), 10, late);
    engine.step();
    engine.submit(prompt(3, 5), 10, third);
    engine.steps(5);
    assertThat(engine.load().running()).as("early gave way").isEqualTo(2);
    assertThat(engine.load().waiting()).isEqualTo(1);
    engine.run();
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 5), 10));
    assertThat(engine.load())
        .as("late still holds its two blocks")
        .isEqualTo(new EngineLoad(1, 1, 4, 6));
    earlyHandle.resume();
    engine.run();
    assertThat(early.tokens()).isEqualTo(expected(prompt(1, 5), 2));
  }

  @Test
  void a_sequence_that_begins_takes_the_blocks_of_paused_ones_but_not_of_running_ones() {
    DrivenEngine engine = new Setup().blocks(6, 4).limits(32, 8).engine();
    PausingSink paused = new PausingSink();
    engine.submit(prompt(1, 11), 10, paused);
    engine.step();
    engine.submit(prompt(2, 15), 2, second);
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(0, 15));
    engine.submit(prompt(3, 11), 2, third);
    engine.step();
    assertThat(third.tokens()).isEmpty();
    engine.run();
    assertThat(second.awaitEnd().preemptions()).isZero();
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 11), 2));
  }

  @Test
  void more_that_run_than_a_step_can_take_take_turns() {
    DrivenEngine engine = new Setup().limits(16, 2).engine();
    List<EngineSequence> handles = new ArrayList<>();
    List<CollectingSink> sinks = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      CollectingSink sink =
          new CollectingSink() {
            @Override
            protected Verdict verdict(SampledToken token) {
              return tokens().length == 1 ? Verdict.PAUSE : Verdict.CONTINUE;
            }
          };
      sinks.add(sink);
      handles.add(engine.submit(prompt(i, 4), 40, sink));
    }
    engine.run();
    assertThat(engine.load().running()).isEqualTo(5);
    handles.forEach(EngineSequence::resume);
    engine.steps(50);
    assertThat(sinks).allSatisfy(sink -> assertThat(sink.tokens().length).isBetween(20, 22));
    engine.run();
    for (int i = 0; i < 5; i++) {
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(prompt(i, 4), 40));
    }
  }

  @Test
  void policies_see_sequences_as_they_are() {
    List<String> seen = new ArrayList<>();
    DrivenEngine engine =
        new Setup()
            .chunk((sequence, planned, snapshot) -> {
              seen.add(describe(sequence) + " planned " + planned.tokens());
              return 4;
            })
            .engine();
    engine.submit(prompt(1, 10), 5, 7, first);
    engine.steps(2);
    assertThat(seen)
        .containsExactly(
            "s0 arrival 0 priority 7 prompt 10 total 10 computed 0 remaining 5 held 0 planned 0",
            "s0 arrival 0 priority 7 prompt 10 total 10 computed 0 remaining 5 held 3 planned 0",
            "s0 arrival 0 priority 7 prompt 10 total 10 computed 4 remaining 5 held 3 planned 0");
  }

  private static String describe(SequenceView view) {
    return "%s arrival %d priority %d prompt %d total %d computed %d remaining %d held %d"
        .formatted(
            view.id(),
            view.arrival(),
            view.priority(),
            view.promptTokens(),
            view.totalTokens(),
            view.computedTokens(),
            view.remainingTokens(),
            view.heldBlocks());
  }

  @Test
  void the_victim_policy_sees_the_waiting_in_order() {
    List<Integer> waiting = new ArrayList<>();
    DrivenEngine engine =
        new Setup()
            .blocks(6, 4)
            .limits(32, 8)
            .order(OrderPolicies.priority())
            .victim((needy, snapshot) -> {
              for (int i = 0; i < snapshot.waiting(); i++) {
                waiting.add(snapshot.waiting(i).priority());
              }
              return snapshot.running() - 1;
            })
            .engine();
    engine.submit(prompt(1, 7), 12, 0, first);
    engine.submit(prompt(2, 7), 12, 0, second);
    engine.step();
    for (int priority : new int[] {5, 2, 9, 4}) {
      engine.submit(prompt(3, 7), 12, priority, new CollectingSink());
    }
    while (waiting.isEmpty()) {
      engine.step();
    }
    assertThat(waiting).startsWith(2, 4, 5, 9);
  }
}

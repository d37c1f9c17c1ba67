package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is foreseen of blocks, and who waits because of it. */
final class ForecastTest {
  private final CollectingSink first = new CollectingSink();
  private final CollectingSink second = new CollectingSink();

  /** Writes down what is foreseen, and answers always the same. */
  private static final class Asked implements VictimPolicy {
    private final List<Integer> foreseen = new ArrayList<>();
    private boolean answer = true;

    @Override
    public int victim(SequenceView needy, EngineSnapshot snapshot) {
      return snapshot.running() - 1;
    }

    @Override
    public boolean mayBegin(SequenceView next, EngineSnapshot snapshot) {
      foreseen.add(snapshot.foreseenBlocks(next));
      return answer;
    }
  }

  /** Answers that all go to their limit. */
  private static void teach(DrivenEngine engine) {
    for (int i = 0; i < 16; i++) {
      engine.submit(prompt(50 + i, 3), 1, new CollectingSink());
      engine.run();
    }
  }

  private static DrivenEngine engine(int blocks, VictimPolicy victim) {
    DrivenEngine engine = new Setup().blocks(blocks, 4).victim(victim).engine();
    teach(engine);
    return engine;
  }

  @Test
  void blocks_are_the_most_just_before_one_of_the_answers_ends() {
    Asked asked = new Asked();
    DrivenEngine engine = engine(8, asked);
    engine.submit(prompt(1, 8), 16, first);
    engine.step();
    engine.submit(prompt(2, 8), 4, second);
    engine.step();
    assertThat(asked.foreseen).as("(9 + 4) / 4 + (8 + 4) / 4 and two halves").containsExactly(8);
  }

  @Test
  void the_longer_answer_alone_may_need_more_than_both_do_together() {
    Asked asked = new Asked();
    DrivenEngine engine = engine(12, asked);
    engine.submit(prompt(1, 8), 40, first);
    engine.step();
    engine.submit(prompt(2, 2), 1, second);
    engine.step();
    assertThat(asked.foreseen).as("(9 + 39) / 4 and a half").containsExactly(13);
  }

  @Test
  void a_block_that_two_of_them_hold_counts_once() {
    Asked asked = new Asked();
    DrivenEngine engine = engine(8, asked);
    engine.submit(prompt(1, 8), 16, first);
    engine.step();
    engine.submit(prompt(1, 8), 4, second);
    engine.step();
    assertThat(asked.foreseen).containsExactly(7);
  }

  @Test
  void before_enough_answers_have_ended_none_is_foreseen_to_grow() {
    Asked asked = new Asked();
    DrivenEngine engine = new Setup().blocks(20, 4).victim(asked).engine();
    engine.submit(prompt(1, 8), 40, first);
    engine.step();
    engine.submit(prompt(2, 8), 40, second);
    engine.step();
    assertThat(asked.foreseen).containsExactly(6);
  }

  @Test
  void where_there_are_blocks_for_all_of_them_at_their_limits_it_is_those() {
    Asked asked = new Asked();
    DrivenEngine engine = engine(100, asked);
    engine.submit(prompt(1, 8), 16, first);
    engine.step();
    engine.submit(prompt(2, 8), 4, second);
    engine.step();
    assertThat(asked.foreseen).as("24 / 4 + 12 / 4").containsExactly(9);
  }

  @Test
  void whoever_must_wait_is_asked_about_again_when_something_changed_and_now_and_then() {
    Asked asked = new Asked();
    asked.answer = false;
    DrivenEngine engine = engine(100, asked);
    engine.submit(prompt(1, 8), 20, first);
    engine.step();
    engine.submit(prompt(2, 8), 2, second);
    engine.steps(18);
    assertThat(asked.foreseen).hasSize(2);
    assertThat(second.tokens()).isEmpty();
    engine.run();
    assertThat(second.tokens()).as("alone it begins anyway").isEqualTo(expected(prompt(2, 8), 2));
  }

  private static int preemptions(VictimPolicy victim, CollectingSink one, CollectingSink other) {
    DrivenEngine engine = engine(10, victim);
    engine.submit(prompt(1, 8), 24, one);
    engine.submit(prompt(2, 8), 24, other);
    engine.run();
    assertThat(one.tokens()).isEqualTo(expected(prompt(1, 8), 24));
    assertThat(other.tokens()).isEqualTo(expected(prompt(2, 8), 24));
    return one.awaitEnd().preemptions() + other.awaitEnd().preemptions();
  }

  @Test
  void with_the_cheapest_victims_nobody_begins_for_whom_another_would_have_to_give_way() {
    assertThat(preemptions(VictimPolicies.lastIn(), first, second)).isPositive();
    assertThat(preemptions(VictimPolicies.leastCost(), new CollectingSink(), new CollectingSink()))
        .isZero();
  }
}

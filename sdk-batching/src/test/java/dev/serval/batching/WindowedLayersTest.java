package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.FinishReason;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.batching.DrivenEngine.Run;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What layers with a window let go of is there for others. */
final class WindowedLayersTest {
  private static final List<AttentionWindow> WINDOWED =
      List.of(AttentionWindow.NONE, new AttentionWindow.Sliding(8));

  /** Blocks of four tokens, and steps of eight. */
  private static Setup setup(int blocks) {
    return new Setup().blocks(blocks, 4).windows(WINDOWED).limits(8, 4).context(400);
  }

  private static CollectingSink generate(DrivenEngine driven, int[] prompt, int count) {
    CollectingSink sink = new CollectingSink();
    driven.submit(prompt, count, sink);
    driven.run();
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(sink.tokens()).isEqualTo(expected(WINDOWED, prompt, count));
    return sink;
  }

  @Test
  void a_prompt_is_longer_than_its_blocks_would_hold_of_all_layers() {
    DrivenEngine driven = setup(30).engine();
    assertThat(driven.engine.maxSequenceTokens())
        .as("25 blocks, and 5 behind the window")
        .isEqualTo(100);
    generate(driven, prompt(1, 80), 20);
    assertThat(driven.steps).hasSize(10 + 19);
    assertThat(driven.cache.freeBlocks()).isEqualTo(30);
  }

  @Test
  void several_run_side_by_side_where_one_alone_would_have_all_blocks() {
    DrivenEngine driven = setup(70).engine();
    List<CollectingSink> sinks = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      sinks.add(new CollectingSink());
      driven.submit(prompt(i, 40), 20, sinks.get(i));
    }
    driven.run();
    for (int i = 0; i < 3; i++) {
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(WINDOWED, prompt(i, 40), 20));
      assertThat(sinks.get(i).awaitEnd().preemptions()).isZero();
    }
  }

  @Test
  void a_beginning_is_found_again_where_a_window_of_it_is_left() {
    DrivenEngine driven = setup(100).engine();
    generate(driven, prompt(1, 41), 1);
    int before = driven.steps.size();
    generate(driven, prompt(1, 61), 1);
    assertThat(driven.steps.get(before)).containsExactly(new Run(40, 8));
    generate(driven, prompt(1, 31), 1);
    assertThat(driven.lastStep()).as("behind its window").containsExactly(new Run(28, 3));
  }

  @Test
  void who_comes_back_goes_on_behind_what_is_left() {
    DrivenEngine driven = setup(34).engine();
    CollectingSink first = new CollectingSink();
    CollectingSink second = new CollectingSink();
    driven.submit(prompt(1, 30), 40, first);
    driven.submit(prompt(2, 30), 40, second);
    driven.run();
    assertThat(first.tokens()).isEqualTo(expected(WINDOWED, prompt(1, 30), 40));
    assertThat(second.tokens()).isEqualTo(expected(WINDOWED, prompt(2, 30), 40));
    assertThat(first.awaitEnd().preemptions() + second.awaitEnd().preemptions()).isPositive();
    assertThat(driven.cache.freeBlocks()).isEqualTo(34);
  }
}

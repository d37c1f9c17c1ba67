package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvStatistics;
import dev.serval.batching.DrivenEngine.Run;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Blocks that are kept elsewhere come back while others compute. */
final class BroughtBackTest {
  private final List<KvStatistics.Swap> told = new ArrayList<>();
  private final DrivenEngine engine =
      new Setup()
          .blocks(20, 4)
          .swap(40)
          .limits(128, 8)
          .listener(
              new EngineListener() {
                @Override
                public void swapped(KvStatistics.Swap moved) {
                  told.add(moved);
                }
              })
          .engine();

  private CollectingSink submit(int[] prompt, int tokens) {
    CollectingSink sink = new CollectingSink();
    engine.submit(prompt, tokens, sink);
    return sink;
  }

  private KvStatistics.Swap moved() {
    return engine.cache.statistics().swap();
  }

  /** A prompt whose blocks had to go. */
  private int[] pushedOut() {
    int[] prompt = prompt(1, 17);
    submit(prompt, 2);
    engine.run();
    submit(prompt(2, 62), 1);
    submit(prompt(3, 15), 1);
    engine.run();
    assertThat(moved().saved()).isPositive();
    return prompt;
  }

  @Test
  void a_sequence_begins_a_step_later_with_all_that_was_computed_before() {
    int[] prompt = pushedOut();
    CollectingSink decoding = submit(prompt(4, 5), 20);
    engine.steps(2);
    CollectingSink coming = submit(prompt, 3);
    engine.step();
    assertThat(engine.lastStep()).hasSize(1);
    assertThat(moved().ahead()).isPositive();
    engine.step();
    assertThat(engine.lastStep()).hasSize(2).contains(new Run(16, 1));
    engine.run();
    assertThat(moved().loaded()).isEqualTo(moved().ahead());
    assertThat(coming.tokens()).isEqualTo(expected(prompt, 3));
    assertThat(decoding.tokens()).isEqualTo(expected(prompt(4, 5), 20));
    assertThat(engine.cache.freeBlocks()).isEqualTo(20);
  }

  @Test
  void a_sequence_that_is_alone_begins_at_once() {
    int[] prompt = pushedOut();
    CollectingSink coming = submit(prompt, 3);
    engine.step();
    assertThat(engine.lastStep()).containsExactly(new Run(16, 1));
    assertThat(moved().loaded()).isPositive();
    assertThat(moved().ahead()).isZero();
    engine.run();
    assertThat(coming.tokens()).isEqualTo(expected(prompt, 3));
  }

  @Test
  void a_sequence_that_ends_while_its_blocks_come_leaves_them_free() {
    int[] prompt = pushedOut();
    submit(prompt(4, 5), 20);
    engine.steps(2);
    CollectingSink coming = new CollectingSink();
    engine.submit(prompt, 3, coming).cancel();
    CollectingSink other = submit(prompt, 3);
    engine.run();
    assertThat(coming.tokens()).isEmpty();
    assertThat(other.tokens()).isEqualTo(expected(prompt, 3));
    assertThat(engine.cache.freeBlocks()).isEqualTo(20);
  }

  @Test
  void what_was_moved_is_told_once() {
    int[] prompt = pushedOut();
    submit(prompt, 3);
    engine.run();
    assertThat(told.stream().mapToLong(KvStatistics.Swap::saved).sum()).isEqualTo(moved().saved());
    assertThat(told.stream().mapToLong(KvStatistics.Swap::loaded).sum())
        .isEqualTo(moved().loaded());
  }
}

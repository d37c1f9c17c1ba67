package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarmUpRoundsTest {
  private static final Duration LONGEST = Duration.ofSeconds(5);

  private final List<Integer> prompts = new ArrayList<>();
  private final List<Long> heard = new ArrayList<>();
  private final LoadListener listener =
      (stage, done, total) -> {
        assertThat(stage).isEqualTo("warm-up");
        assertThat(total).isEqualTo(LONGEST.toNanos());
        heard.add(Duration.ofNanos(done).toMillis());
      };
  private long now;
  private long compiled;

  @Test
  void rounds_end_once_three_were_no_faster_and_nothing_was_compiled() {
    rounds().run(round(Duration.ofMillis(10), Duration.ZERO));
    assertThat(prompts).containsExactly(8, 32, 128, 256);
  }

  @Test
  void rounds_go_on_while_the_jvm_compiles() {
    rounds()
        .run((number, prompt, end) ->
            round(Duration.ofMillis(10), Duration.ofMillis(number < 20 ? 3 : 1))
                .run(number, prompt, end));
    assertThat(prompts).hasSize(23).endsWith(32, 32, 32);
  }

  @Test
  void rounds_go_on_while_they_get_faster() {
    rounds()
        .run((number, prompt, end) ->
            round(Duration.ofMillis(number < 10 ? 100 - 9 * number : 19), Duration.ZERO)
                .run(number, prompt, end));
    assertThat(prompts).hasSize(13);
  }

  @Test
  void no_round_begins_when_time_is_up() {
    rounds().run(round(Duration.ofSeconds(2), Duration.ofSeconds(1)));
    assertThat(prompts).hasSize(3);
    assertThat(now).isEqualTo(Duration.ofSeconds(6).toNanos());
  }

  @Test
  void a_prompt_that_there_is_no_time_for_is_not_read() {
    rounds().run(round(Duration.ofMillis(1500), Duration.ofSeconds(1)));
    assertThat(prompts).containsExactly(8, 32, 32, 32);
  }

  @Test
  void rounds_end_by_a_clock_that_stands_still() {
    rounds().run(round(Duration.ZERO, Duration.ofMillis(1)));
    assertThat(prompts).hasSize(4);
  }

  @Test
  void a_listener_hears_how_much_of_the_time_has_gone_and_the_end() {
    rounds().run(round(Duration.ofSeconds(1), Duration.ZERO));
    assertThat(heard).containsExactly(0L, 1000L, 2000L, 3000L, 4000L, 5000L);
  }

  private WarmUpRounds rounds() {
    return new WarmUpRounds(() -> now, () -> compiled, LONGEST, listener);
  }

  /** Takes as long for any prompt, as if each had forty tokens. */
  private WarmUpRounds.Round round(Duration takes, Duration compiles) {
    return (_, prompt, _) -> {
      prompts.add(prompt);
      now += takes.toNanos();
      compiled += compiles.toNanos();
      return 40;
    };
  }
}

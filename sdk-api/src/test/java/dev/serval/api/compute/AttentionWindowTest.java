package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class AttentionWindowTest {
  private static List<Integer> firstSeen(AttentionWindow window, int... positions) {
    return Arrays.stream(positions).map(window::firstSeen).boxed().toList();
  }

  @Test
  void without_a_window_all_positions_are_seen() {
    assertThat(firstSeen(AttentionWindow.NONE, 0, 7, Integer.MAX_VALUE)).containsExactly(0, 0, 0);
  }

  @Test
  void a_sliding_window_ends_with_the_querys_own_position() {
    assertThat(firstSeen(new AttentionWindow.Sliding(3), 0, 2, 3, 10)).containsExactly(0, 0, 1, 8);
    assertThat(firstSeen(new AttentionWindow.Sliding(1), 0, 9)).containsExactly(0, 9);
  }

  @Test
  void a_chunk_begins_at_a_multiple_of_its_size() {
    assertThat(firstSeen(new AttentionWindow.Chunk(4), 0, 3, 4, 7, 8, 13))
        .containsExactly(0, 0, 4, 4, 8, 12);
    assertThat(firstSeen(new AttentionWindow.Chunk(1), 0, 9)).containsExactly(0, 9);
  }

  @Test
  void an_empty_window_is_refused() {
    for (int positions : new int[] {0, -1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new AttentionWindow.Sliding(positions))
          .withMessageContainingAll("at least 1 position", "" + positions);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new AttentionWindow.Chunk(positions))
          .withMessageContainingAll("at least 1 position", "" + positions);
    }
  }
}

package dev.serval.models.cpu.crew;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Work on rows, and what is asked for ahead of it. */
final class RowWorkTest {
  private final List<String> done = new ArrayList<>();

  private final RowWork work =
      new RowWork() {
        @Override
        protected void ask(int row) {
          done.add("ask " + row);
        }

        @Override
        protected void row(int row, int worker) {
          done.add("row " + row);
        }
      };

  @Test
  void a_row_is_asked_for_before_the_one_ahead_of_it_and_never_another_parts() {
    work.share(5, 1, 2);
    assertThat(work.parts()).isEqualTo(2);
    work.part(0, 0);
    work.part(1, 1);
    assertThat(done)
        .containsExactly("ask 1", "row 0", "row 1", "ask 3", "row 2", "ask 4", "row 3", "row 4");
  }
}

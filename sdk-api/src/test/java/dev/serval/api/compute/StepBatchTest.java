package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.model.TokenSampler;
import org.junit.jupiter.api.Test;

final class StepBatchTest {
  private static final int[] TOKENS = {10, 11, 12, 13, 14};

  private final StepBatch batch = new StepBatch(6, 3);

  @Test
  void runs_lie_row_after_row_and_know_their_positions() {
    BlockTable table = new BlockTable();
    batch.add(TOKENS, 1, 3, table, false);
    batch.add(TOKENS, 4, 1, BlockTable.EMPTY, true);
    assertThat(batch.rows()).isEqualTo(4);
    assertThat(batch.sequences()).isEqualTo(2);
    assertThat(batch.token(2)).isEqualTo(13);
    assertThat(batch.position(2)).isEqualTo(3);
    assertThat(batch.sequenceOf(3)).isEqualTo(1);
    assertThat(batch.firstRow(1)).isEqualTo(3);
    assertThat(batch.firstRow(2)).isEqualTo(4);
    assertThat(batch.logitRows()).isOne();
    assertThat(batch.logitRow(0)).isEqualTo(-1);
    assertThat(batch.logitRow(1)).isZero();
    assertThat(batch.blockTable(0)).isSameAs(table);
  }

  @Test
  void who_draws_after_a_run_is_known_until_the_batch_is_cleared() {
    TokenSampler sampler = (logits, row, out) -> out.set(7);
    batch.add(TOKENS, 0, 2, BlockTable.EMPTY, true);
    batch.add(TOKENS, 2, 1, BlockTable.EMPTY, sampler);
    assertThat(batch.sampler(0)).isNull();
    assertThat(batch.sampler(1)).isSameAs(sampler);
    assertThat(batch.logitRow(1)).isOne();
    batch.clear();
    assertThat(batch.sampler(1)).isNull();
  }

  @Test
  void a_cleared_batch_is_empty_and_lets_go_of_the_tables() {
    batch.add(TOKENS, 0, 5, new BlockTable(), true);
    batch.clear();
    assertThat(batch.rows()).isZero();
    assertThat(batch.sequences()).isZero();
    assertThat(batch.logitRows()).isZero();
    assertThat(batch.blockTable(0)).isSameAs(BlockTable.EMPTY);
  }

  @Test
  void more_than_fits_is_refused() {
    batch.add(TOKENS, 0, 5, BlockTable.EMPTY, true);
    assertThatThrownBy(() -> batch.add(TOKENS, 0, 2, BlockTable.EMPTY, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}

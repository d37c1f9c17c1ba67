package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.model.TokenSampler;
import org.junit.jupiter.api.Test;

final class StepBatchTest {
  private static final int[] TOKENS = {10, 11, 12, 13, 14};

  private final TokenSampler sampler = (logits, row, out) -> out.set(7);
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
    batch.add(TOKENS, 0, 2, BlockTable.EMPTY, true);
    batch.add(TOKENS, 2, 1, BlockTable.EMPTY, sampler);
    assertThat(batch.sampler(0)).isNull();
    assertThat(batch.sampler(1)).isSameAs(sampler);
    assertThat(batch.logitRow(1)).isOne();
    batch.clear();
    assertThat(batch.sampler(1)).isNull();
  }

  @Test
  void drafted_tokens_have_logits_each_and_are_drawn_by_nobody_within_the_step() {
    BlockTable table = new BlockTable();
    batch.addDecode(17, 40, BlockTable.EMPTY, sampler);
    batch.addDraft(TOKENS, 2, 3, table);
    batch.add(TOKENS, 0, 1, BlockTable.EMPTY, sampler);
    assertThat(batch.logitRows()).isEqualTo(5);
    assertThat(batch.wantedRows(0)).isOne();
    assertThat(batch.wantedRows(1)).isEqualTo(3);
    assertThat(batch.logitRow(1)).isOne();
    assertThat(batch.logitRow(2)).isEqualTo(4);
    assertThat(batch.sampler(1)).isNull();
    StepBatch last = new StepBatch(6, 3);
    last.addLastRows(batch);
    assertThat(last.rows()).isEqualTo(5);
    assertThat(last.token(1)).isEqualTo(12);
    assertThat(last.token(3)).isEqualTo(14);
    assertThat(last.position(3)).isEqualTo(4);
    assertThat(last.sequenceOf(3)).isOne();
    assertThat(last.wantedRows(1)).isEqualTo(3);
    assertThat(last.logitRow(2)).isEqualTo(4);
    assertThat(last.sampler(2)).isSameAs(sampler);
  }

  @Test
  void the_rows_that_logits_are_wanted_of_make_a_batch_of_their_own() {
    BlockTable table = new BlockTable();
    batch.add(TOKENS, 0, 2, BlockTable.EMPTY, false);
    batch.add(TOKENS, 1, 3, table, true);
    batch.add(TOKENS, 4, 1, BlockTable.EMPTY, sampler);
    StepBatch last = new StepBatch(3, 3);
    last.addLastRows(batch);
    assertThat(last.rows()).isEqualTo(2);
    assertThat(last.sequences()).isEqualTo(2);
    assertThat(last.token(0)).isEqualTo(13);
    assertThat(last.position(0)).isEqualTo(3);
    assertThat(last.blockTable(0)).isSameAs(table);
    assertThat(last.sequenceOf(1)).isOne();
    assertThat(last.sampler(1)).isSameAs(sampler);
    assertThat(last.logitRow(1)).isOne();
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
  void a_decode_is_a_run_of_one_whose_logits_are_wanted() {
    BlockTable table = new BlockTable();
    batch.add(TOKENS, 1, 3, table, false);
    assertThat(batch.addDecode(17, 40, table, sampler)).isOne();
    assertThat(batch.rows()).isEqualTo(4);
    assertThat(batch.token(3)).isEqualTo(17);
    assertThat(batch.position(3)).isEqualTo(40);
    assertThat(batch.sequenceOf(3)).isOne();
    assertThat(batch.firstRow(2)).isEqualTo(4);
    assertThat(batch.logitRow(1)).isZero();
    assertThat(batch.blockTable(1)).isSameAs(table);
    assertThat(batch.sampler(0)).isNull();
    assertThat(batch.sampler(1)).isSameAs(sampler);
  }

  @Test
  void a_rewound_batch_is_empty_and_takes_the_same_tables_or_others() {
    BlockTable first = new BlockTable();
    BlockTable second = new BlockTable();
    batch.addDecode(1, 0, first, sampler);
    batch.addDecode(2, 0, second, sampler);
    batch.rewind();
    assertThat(batch.rows()).isZero();
    assertThat(batch.sequences()).isZero();
    assertThat(batch.logitRows()).isZero();
    assertThat(batch.blockTable(0)).isSameAs(BlockTable.EMPTY);
    assertThat(batch.sampler(0)).isNull();
    batch.add(TOKENS, 1, 1, second, false);
    assertThat(batch.sampler(0)).isNull();
    assertThat(batch.blockTable(0)).isSameAs(second);
    assertThat(batch.blockTable(1)).isSameAs(BlockTable.EMPTY);
    batch.rewind();
    batch.addDecode(4, 2, second, sampler);
    batch.addDecode(5, 2, first, sampler);
    assertThat(batch.blockTable(1)).isSameAs(first);
  }

  @Test
  void more_than_fits_is_refused() {
    batch.add(TOKENS, 0, 5, BlockTable.EMPTY, true);
    assertThatThrownBy(() -> batch.add(TOKENS, 0, 2, BlockTable.EMPTY, true))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}

package dev.serval.models.cpu.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.StepBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

final class AttentionPiecesTest {
  private static final int ENOUGH = 1 << 20;
  private static final int MOST_ROWS = 20;

  private final AttentionPieces pieces = new AttentionPieces();

  private static AttentionSpec spec(int kvHeads, int group, int window) {
    return AttentionSpecs.of(kvHeads, group, 4, window);
  }

  private static AttentionSpec threeHeads() {
    return spec(3, 3, 0);
  }

  /** A step of sequences that have so many tokens, of which the last so many rows are in it. */
  private static StepBatch step(int[]... tokensAndRows) {
    StepBatch batch = new StepBatch(4096, tokensAndRows.length);
    for (int[] sequence : tokensAndRows) {
      int tokens = sequence[0];
      int rows = sequence[1];
      batch.add(new int[tokens], tokens - rows, rows, new BlockTable(), false);
    }
    return batch;
  }

  private List<String> described() {
    List<String> all = new ArrayList<>();
    for (int piece = 0; piece < pieces.count(); piece++) {
      all.add(
          "%d-%d: %d-%d"
              .formatted(
                  pieces.firstRow(piece),
                  pieces.endRow(piece),
                  pieces.first(piece),
                  pieces.end(piece)));
    }
    return all;
  }

  @Test
  void a_long_sequence_is_cut_between_stretches_if_its_heads_are_too_few_for_all_threads() {
    pieces.cut(step(new int[] {700, 1}), threeHeads(), MOST_ROWS, 2, ENOUGH);
    assertThat(described()).containsExactly("0-1: 0-256", "0-1: 256-512", "0-1: 512-700");
    assertThat(pieces.cuts()).isEqualTo(1);
    assertThat(pieces.cutRun(0)).isZero();
    assertThat(pieces.stretches(0)).isEqualTo(3);
  }

  @Test
  void it_stays_whole_for_one_thread_or_if_its_heads_can_be_shared_out_evenly() {
    pieces.cut(step(new int[] {700, 1}), threeHeads(), MOST_ROWS, 1, ENOUGH);
    assertThat(described()).containsExactly("0-1: 0-700");
    pieces.cut(step(new int[] {700, 1}), threeHeads(), MOST_ROWS, 3, ENOUGH);
    assertThat(described()).containsExactly("0-1: 0-700");
    assertThat(pieces.cuts()).isZero();
  }

  @Test
  void of_many_sequences_those_are_cut_that_are_much_longer_than_the_others() {
    int[][] sequences = new int[9][];
    for (int i = 0; i < 9; i++) {
      sequences[i] = new int[] {100, 1};
    }
    sequences[4] = new int[] {30_000, 1};
    pieces.cut(step(sequences), threeHeads(), MOST_ROWS, 2, ENOUGH);
    assertThat(pieces.count()).isGreaterThan(9);
    for (int piece = 0; piece < pieces.count(); piece++) {
      assertThat(pieces.whole(piece)).isEqualTo(pieces.firstRow(piece) != 4);
    }
    assertThat(pieces.cuts()).isEqualTo(1);
    assertThat(pieces.cutRun(0)).isEqualTo(4);
  }

  @Test
  void a_prompt_is_cut_by_rows_alone() {
    pieces.cut(step(new int[] {512, 512}), threeHeads(), MOST_ROWS, 2, ENOUGH);
    assertThat(pieces.count()).isEqualTo(26);
    assertThat(pieces.cuts()).isZero();
  }

  @Test
  void what_there_is_no_room_for_stays_whole() {
    AttentionSpec spec = threeHeads();
    pieces.cut(step(new int[] {700, 1}), spec, MOST_ROWS, 2, 3 * 9 - 1);
    assertThat(pieces.cuts()).isZero();
    pieces.cut(step(new int[] {700, 1}), spec, MOST_ROWS, 2, 3 * 9);
    assertThat(pieces.cuts()).isEqualTo(1);
  }

  @Test
  void of_a_window_only_what_is_seen_is_cut() {
    pieces.cut(step(new int[] {1000, 1}), spec(1, 2, 400), MOST_ROWS, 2, ENOUGH);
    assertThat(described()).containsExactly("0-1: 600-768", "0-1: 768-1000");
    assertThat(pieces.stretches(0)).isEqualTo(2);
  }

  @RepeatedTest(50)
  void each_row_sees_each_position_once_and_no_two_stretches_have_the_same_place(
      RepetitionInfo repetition) {
    long seed = repetition.getCurrentRepetition();
    Random random = new Random(seed);
    AttentionSpec spec =
        AttentionSpecs.of(1 + random.nextInt(4), 1 + random.nextInt(4), 4, window(random), null);
    int[][] sequences = new int[1 + random.nextInt(5)][];
    for (int i = 0; i < sequences.length; i++) {
      int tokens = 1 + random.nextInt(random.nextInt(10) == 0 ? 20_000 : 600);
      sequences[i] = new int[] {tokens, 1 + random.nextInt(Math.min(tokens, 50))};
    }
    StepBatch batch = step(sequences);
    int room = random.nextInt(3000);
    pieces.cut(batch, spec, MOST_ROWS, 1 + random.nextInt(8), room);
    boolean[] used = new boolean[room];
    int[] covered = new int[batch.rows()];
    for (int piece = 0; piece < pieces.count(); piece++) {
      assertThat(pieces.first(piece)).as("seed %d", seed).isLessThan(pieces.end(piece));
      for (int row = pieces.firstRow(piece); row < pieces.endRow(piece); row++) {
        int first = Math.max(pieces.first(piece), spec.window().firstSeen(batch.position(row)));
        int end = Math.min(pieces.end(piece), batch.position(row) + 1);
        covered[row] += Math.max(0, end - first);
      }
      if (!pieces.whole(piece)) {
        take(used, piece, spec.kvHeads(), seed);
      }
    }
    for (int row = 0; row < batch.rows(); row++) {
      int position = batch.position(row);
      assertThat(covered[row])
          .as("seed %d, row %d", seed, row)
          .isEqualTo(position + 1 - spec.window().firstSeen(position));
    }
  }

  private static AttentionWindow window(Random random) {
    int size = 1 + random.nextInt(2000);
    return switch (random.nextInt(4)) {
      case 0 -> new AttentionWindow.Sliding(size);
      case 1 -> new AttentionWindow.Chunk(size);
      default -> AttentionWindow.NONE;
    };
  }

  private void take(boolean[] used, int piece, int kvHeads, long seed) {
    int stretch = AttentionKernel.STRETCH;
    int stretches = Math.ceilDiv(pieces.end(piece), stretch) - pieces.first(piece) / stretch;
    for (int head = 0; head < kvHeads; head++) {
      int at = pieces.sums(piece, head);
      for (int i = 0; i < stretches * pieces.queries(piece); i++) {
        assertThat(used[at + i]).as("seed %d, piece %d", seed, piece).isFalse();
        used[at + i] = true;
      }
    }
  }
}

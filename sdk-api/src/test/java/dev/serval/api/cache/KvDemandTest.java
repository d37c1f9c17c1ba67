package dev.serval.api.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.compute.AttentionWindow;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class KvDemandTest {
  private static final AttentionWindow ALL = AttentionWindow.NONE;

  private static AttentionWindow window(int positions) {
    return new AttentionWindow.Sliding(positions);
  }

  /** The most blocks of a group that one holds who computes so many tokens a step at most. */
  private static int most(AttentionWindow window, int blockTokens, int ahead, int tokens) {
    return IntStream.range(0, tokens)
        .map(computed -> {
          int first = window.firstSeen(computed) / blockTokens;
          int reached = Math.min(computed + ahead, tokens);
          return Math.ceilDiv(reached, blockTokens) - first;
        })
        .max()
        .orElse(0);
  }

  @Test
  void a_sequence_takes_a_block_of_each_group_for_so_many_tokens() {
    KvDemand demand = KvDemand.ofAll(16);
    assertThat(demand.blocks(0)).isZero();
    assertThat(demand.blocks(16)).isEqualTo(1);
    assertThat(demand.blocks(17)).isEqualTo(2);
    assertThat(new KvDemand(16, List.of(ALL, ALL, window(4)), 100).blocks(17)).isEqualTo(6);
  }

  @Test
  void behind_a_window_it_takes_no_more_than_that_and_a_step_reach_over() {
    KvDemand demand = new KvDemand(16, List.of(ALL, window(100)), 32);
    assertThat(demand.blocks(16_000)).isEqualTo(1000 + 10);
    assertThat(demand.mean(16_000)).isEqualTo(1000.5 + 99.0 / 16 + 1);
    assertThat(demand.mean(50)).isEqualTo(2 * (50.0 / 16 + 0.5));
  }

  @Test
  void it_is_enough_wherever_a_window_and_a_step_begin() {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      int blockTokens = random.nextInt(1, 9);
      int ahead = random.nextInt(1, 30);
      int positions = random.nextInt(1, 40);
      int tokens = random.nextInt(1, 200);
      AttentionWindow window =
          random.nextBoolean() ? window(positions) : new AttentionWindow.Chunk(positions);
      int blocks = new KvDemand(blockTokens, List.of(window), ahead).blocks(tokens);
      int most = most(window, blockTokens, ahead, tokens);
      assertThat(blocks).as("seed %d, round %d", seed, round).isBetween(most, most + 2);
    }
  }

  @Test
  void it_knows_how_long_a_sequence_may_become() {
    KvDemand demand = new KvDemand(4, List.of(ALL, window(8)), 4);
    for (int blocks = 0; blocks < 60; blocks++) {
      int longest = demand.longest(blocks, 100);
      assertThat(demand.blocks(longest)).isLessThanOrEqualTo(blocks);
      assertThat(longest == 100 || demand.blocks(longest + 1) > blocks).isTrue();
    }
    assertThat(demand.longest(1000, 100)).isEqualTo(100);
    assertThat(KvDemand.ofAll(1).longest(Integer.MAX_VALUE, Integer.MAX_VALUE))
        .isEqualTo(Integer.MAX_VALUE);
  }
}

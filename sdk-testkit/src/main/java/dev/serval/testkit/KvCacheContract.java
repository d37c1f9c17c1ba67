package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every {@link KvCache} does. */
public abstract class KvCacheContract {
  /** The blocks of the caches under test hold four tokens. */
  protected static final KvLayout LAYOUT = new KvLayout(2, 2, 8, 4, DType.F32);

  /** The same blocks for each of two groups of layers, one with a window of six positions. */
  private static final KvLayout WINDOWED =
      new KvLayout(
          List.of(new KvShape(4, 8), new KvShape(4, 8).within(new AttentionWindow.Sliding(6))),
          4,
          DType.F32);

  private static final ArtefactDigest ARTEFACT = ArtefactDigest.of(new byte[32]);
  private static final NumericsId NUMERICS = new NumericsId("test-1");
  private static final IsolationScope ANNA = IsolationScope.of("anna");

  /** Made by JUnit. */
  protected KvCacheContract() {}

  /**
   * A new cache that reuses prefixes. Caches that can share a lower tier share one.
   *
   * @param layout how its blocks are laid out
   * @param blocks how many there are
   * @param artefact what was loaded
   * @param numerics how blocks are computed
   * @return the cache
   */
  protected abstract KvCache cache(
      KvLayout layout, int blocks, ArtefactDigest artefact, NumericsId numerics);

  private KvCache cache(int blocks) {
    return cache(LAYOUT, blocks, ARTEFACT, NUMERICS);
  }

  private static int[] tokens(int from, int count) {
    return IntStream.range(from, from + count).toArray();
  }

  private static KvSequence computed(KvCache cache, IsolationScope scope, int... tokens) {
    KvSequence sequence = cache.open(scope);
    int found = sequence.reuse(tokens, tokens.length);
    assertThat(sequence.reserve(tokens.length)).isTrue();
    if (found < tokens.length) {
      sequence.commit(tokens, tokens.length);
    }
    return sequence;
  }

  private static int found(KvCache cache, IsolationScope scope, int... tokens) {
    KvSequence sequence = cache.open(scope);
    int found = sequence.reuse(tokens, tokens.length);
    sequence.release();
    return found;
  }

  private static int[] numbers(KvSequence sequence) {
    BlockTable table = sequence.blocks();
    return IntStream.range(0, table.size()).map(table::block).toArray();
  }

  @Test
  void a_new_cache_is_free_and_knows_nothing() {
    KvCache cache = cache(5);
    assertThat(cache.totalBlocks()).isEqualTo(5);
    assertThat(cache.freeBlocks()).isEqualTo(5);
    assertThat(cache.blockTokens()).isEqualTo(4);
    assertThat(cache.statistics().publishedBlocks()).isZero();
    assertThat(found(cache, ANNA, tokens(0, 8))).isZero();
  }

  @Test
  void a_reservation_takes_just_the_blocks_that_are_missing() {
    KvCache cache = cache(5);
    KvSequence sequence = cache.open(ANNA);
    assertThat(sequence.reserve(1)).isTrue();
    assertThat(sequence.blocks().size()).isEqualTo(1);
    assertThat(sequence.reserve(4)).isTrue();
    assertThat(sequence.blocks().size()).isEqualTo(1);
    assertThat(sequence.reserve(5)).isTrue();
    assertThat(sequence.blocks().size()).isEqualTo(2);
    assertThat(cache.freeBlocks()).isEqualTo(3);
    assertThat(sequence.reserve(2)).as("less than there is room for").isTrue();
    assertThat(sequence.blocks().size()).isEqualTo(2);
  }

  @Test
  void a_reservation_that_cannot_be_met_takes_nothing() {
    KvCache cache = cache(5);
    KvSequence first = cache.open(ANNA);
    assertThat(first.reserve(12)).isTrue();
    KvSequence second = cache.open(ANNA);
    assertThat(second.reserve(12)).isFalse();
    assertThat(second.blocks().size()).isZero();
    assertThat(cache.freeBlocks()).isEqualTo(2);
    assertThat(first.reserve(24)).isFalse();
    assertThat(first.blocks().size()).isEqualTo(3);
    assertThat(second.reserve(8)).isTrue();
    assertThat(cache.freeBlocks()).isZero();
  }

  @Test
  void sequences_never_hold_the_same_block_while_it_is_filled() {
    KvCache cache = cache(8);
    KvSequence first = cache.open(ANNA);
    KvSequence second = cache.open(ANNA);
    first.reserve(16);
    second.reserve(16);
    assertThat(numbers(first)).doesNotContain(numbers(second)).doesNotHaveDuplicates();
  }

  @Test
  void a_computed_prefix_is_found_and_shared() {
    KvCache cache = cache(8);
    KvSequence first = computed(cache, ANNA, tokens(0, 9));
    KvSequence second = cache.open(ANNA);
    assertThat(second.reuse(tokens(0, 12), 11)).isEqualTo(8);
    assertThat(numbers(second)).isEqualTo(Arrays.copyOf(numbers(first), 2));
    assertThat(cache.freeBlocks()).as("shared blocks are held once").isEqualTo(5);
    assertThat(second.reserve(12)).isTrue();
    assertThat(numbers(second)[2]).isNotEqualTo(numbers(first)[2]);
  }

  @Test
  void what_is_found_is_whole_blocks_within_the_limit() {
    KvCache cache = cache(8);
    computed(cache, ANNA, tokens(0, 16));
    for (int limit = 0; limit <= 16; limit++) {
      KvSequence sequence = cache.open(ANNA);
      assertThat(sequence.reuse(tokens(0, 16), limit)).isEqualTo(limit / 4 * 4);
      assertThat(sequence.blocks().size()).isEqualTo(limit / 4);
      sequence.release();
    }
  }

  @Test
  void a_block_is_found_only_behind_the_same_tokens() {
    KvCache cache = cache(8);
    computed(cache, ANNA, 0, 1, 2, 3, 4, 5, 6, 7);
    assertThat(found(cache, ANNA, 4, 5, 6, 7)).isZero();
    assertThat(found(cache, ANNA, 9, 1, 2, 3, 4, 5, 6, 7)).isZero();
    assertThat(found(cache, ANNA, 0, 1, 2, 3, 4, 5, 6, 9)).isEqualTo(4);
  }

  @Test
  void a_block_is_found_once_it_is_full_and_not_before() {
    KvCache cache = cache(8);
    int[] tokens = tokens(0, 8);
    KvSequence first = cache.open(ANNA);
    first.reserve(8);
    assertThat(found(cache, ANNA, tokens)).as("reserved").isZero();
    first.commit(tokens, 3);
    assertThat(found(cache, ANNA, tokens)).as("three of four slots").isZero();
    first.commit(tokens, 4);
    assertThat(found(cache, ANNA, tokens)).isEqualTo(4);
    first.commit(tokens, 7);
    assertThat(found(cache, ANNA, tokens)).isEqualTo(4);
    first.commit(tokens, 8);
    assertThat(found(cache, ANNA, tokens)).isEqualTo(8);
  }

  @Test
  void blocks_that_a_sequence_fills_after_a_hit_are_found_behind_it() {
    KvCache cache = cache(8);
    computed(cache, ANNA, tokens(0, 8));
    computed(cache, ANNA, tokens(0, 16)).release();
    assertThat(found(cache, ANNA, tokens(0, 16))).isEqualTo(16);
  }

  @Test
  void scopes_never_meet() {
    KvCache cache = cache(8);
    int[] tokens = tokens(0, 8);
    computed(cache, ANNA, tokens);
    assertThat(found(cache, IsolationScope.of("berta"), tokens)).isZero();
    assertThat(found(cache, IsolationScope.shared("anna"), tokens)).isZero();
    assertThat(found(cache, IsolationScope.HOST, tokens)).isZero();
    assertThat(found(cache, IsolationScope.of("anna"), tokens)).isEqualTo(8);
  }

  @Test
  void other_weights_layouts_and_numerics_never_meet() {
    int[] tokens = tokens(0, 8);
    computed(cache(8), ANNA, tokens).release();
    byte[] otherWeights = new byte[32];
    otherWeights[0] = 1;
    KvLayout other = new KvLayout(2, 2, 8, 4, DType.BF16);
    assertThat(found(cache(LAYOUT, 8, ArtefactDigest.of(otherWeights), NUMERICS), ANNA, tokens))
        .isZero();
    assertThat(found(cache(other, 8, ARTEFACT, NUMERICS), ANNA, tokens)).isZero();
    assertThat(found(cache(LAYOUT, 8, ARTEFACT, new NumericsId("test-2")), ANNA, tokens)).isZero();
  }

  @Test
  void what_was_released_is_free_and_still_found() {
    KvCache cache = cache(8);
    computed(cache, ANNA, tokens(0, 10)).release();
    assertThat(cache.freeBlocks()).isEqualTo(8);
    KvSequence again = cache.open(ANNA);
    assertThat(again.reuse(tokens(0, 10), 9)).isEqualTo(8);
    assertThat(cache.freeBlocks()).as("found blocks are held again").isEqualTo(6);
  }

  @Test
  void what_was_suspended_is_free_still_found_and_no_obstacle() {
    KvCache cache = cache(8);
    computed(cache, ANNA, tokens(0, 10)).suspend();
    assertThat(cache.freeBlocks()).isEqualTo(8);
    KvSequence again = cache.open(ANNA);
    assertThat(again.reuse(tokens(0, 10), 9)).isEqualTo(8);
    again.suspend();
    KvSequence other = cache.open(ANNA);
    assertThat(other.reserve(32)).isTrue();
    assertThat(again.reuse(tokens(0, 10), 9)).isZero();
  }

  @Test
  void a_shared_block_is_free_when_its_last_holder_lets_go() {
    KvCache cache = cache(4);
    KvSequence first = computed(cache, ANNA, tokens(0, 8));
    KvSequence second = computed(cache, ANNA, tokens(0, 8));
    first.release();
    assertThat(cache.freeBlocks()).isEqualTo(2);
    KvSequence third = cache.open(ANNA);
    assertThat(third.reserve(12)).as("blocks that are held are not handed out").isFalse();
    second.release();
    assertThat(third.reserve(12)).isTrue();
  }

  @Test
  void releasing_twice_releases_once() {
    KvCache cache = cache(4);
    KvSequence first = computed(cache, ANNA, tokens(0, 8));
    KvSequence second = computed(cache, ANNA, tokens(0, 8));
    first.release();
    first.release();
    assertThat(cache.freeBlocks()).isEqualTo(2);
    second.release();
    assertThat(cache.freeBlocks()).isEqualTo(4);
  }

  @Test
  void a_released_sequence_begins_anew() {
    KvCache cache = cache(4);
    KvSequence sequence = computed(cache, ANNA, tokens(0, 8));
    BlockTable table = sequence.blocks();
    sequence.release();
    assertThat(sequence.blocks()).isSameAs(table);
    assertThat(table.size()).isZero();
    assertThat(sequence.reuse(tokens(0, 8), 7)).isEqualTo(4);
    assertThat(sequence.reserve(8)).isTrue();
    sequence.commit(tokens(0, 8), 8);
    sequence.release();
    assertThat(found(cache, ANNA, tokens(0, 8))).isEqualTo(8);
    assertThat(sequence.reuse(tokens(50, 8), 7)).as("other tokens").isZero();
  }

  @Test
  void the_least_recently_freed_prefix_is_forgotten_first() {
    KvCache cache = cache(4);
    KvSequence older = computed(cache, ANNA, tokens(0, 8));
    KvSequence newer = computed(cache, ANNA, tokens(100, 8));
    older.release();
    newer.release();
    KvSequence other = cache.open(ANNA);
    other.reserve(8);
    assertThat(found(cache, ANNA, tokens(0, 8))).isZero();
    assertThat(found(cache, ANNA, tokens(100, 8))).isEqualTo(8);
  }

  @Test
  void using_a_prefix_again_makes_it_recent() {
    KvCache cache = cache(4);
    computed(cache, ANNA, tokens(0, 8)).release();
    computed(cache, ANNA, tokens(100, 8)).release();
    assertThat(found(cache, ANNA, tokens(0, 8))).isEqualTo(8);
    cache.open(ANNA).reserve(8);
    assertThat(found(cache, ANNA, tokens(0, 8))).isEqualTo(8);
    assertThat(found(cache, ANNA, tokens(100, 8))).isZero();
  }

  @Test
  void the_end_of_a_prefix_is_forgotten_before_its_beginning() {
    KvCache cache = cache(4);
    computed(cache, ANNA, tokens(0, 16)).release();
    KvSequence other = cache.open(ANNA);
    for (int kept = 12; kept >= 0; kept -= 4) {
      assertThat(other.reserve(16 - kept)).isTrue();
      assertThat(found(cache, ANNA, tokens(0, 16))).isEqualTo(kept);
    }
  }

  @Test
  void of_two_copies_one_is_found_and_both_are_freed() {
    KvCache cache = cache(8);
    int[] tokens = tokens(0, 8);
    KvSequence first = cache.open(ANNA);
    KvSequence second = cache.open(ANNA);
    first.reserve(8);
    second.reserve(8);
    second.commit(tokens, 8);
    first.commit(tokens, 8);
    KvSequence third = cache.open(ANNA);
    assertThat(third.reuse(tokens, 8)).isEqualTo(8);
    assertThat(numbers(third)).isEqualTo(numbers(second));
    assertThat(cache.statistics().publishedBlocks()).isEqualTo(2);
    first.release();
    second.release();
    third.release();
    assertThat(cache.freeBlocks()).isEqualTo(8);
    assertThat(found(cache, ANNA, tokens)).isEqualTo(8);
  }

  @Test
  void clearing_forgets_what_is_free_and_what_is_held() {
    KvCache cache = cache(8);
    computed(cache, ANNA, tokens(0, 8)).release();
    KvSequence held = computed(cache, ANNA, tokens(100, 8));
    int[] blocks = numbers(held);
    cache.clear();
    assertThat(found(cache, ANNA, tokens(0, 8))).isZero();
    assertThat(found(cache, ANNA, tokens(100, 8))).isZero();
    assertThat(cache.statistics().publishedBlocks()).isZero();
    assertThat(numbers(held)).isEqualTo(blocks);
    held.release();
    assertThat(cache.freeBlocks()).isEqualTo(8);
  }

  @Test
  void what_is_computed_from_cleared_blocks_is_not_found_either() {
    KvCache cache = cache(12);
    KvSequence held = computed(cache, ANNA, tokens(0, 4));
    cache.clear();
    held.reserve(8);
    held.commit(tokens(0, 8), 8);
    computed(cache, ANNA, tokens(0, 4));
    assertThat(found(cache, ANNA, tokens(0, 8))).as("its second block").isEqualTo(4);
    held.release();
    held.reserve(8);
    held.commit(tokens(0, 8), 8);
    assertThat(found(cache, ANNA, tokens(0, 8))).as("computed anew").isEqualTo(8);
  }

  @Test
  void blocks_that_no_query_sees_any_more_are_let_go_of_and_still_found() {
    KvCache cache = cache(WINDOWED, 12, ARTEFACT, NUMERICS);
    KvSequence first = cache.open(ANNA);
    assertThat(first.missing(16)).isEqualTo(8);
    assertThat(first.reserve(16)).isTrue();
    assertThat(first.room()).isEqualTo(16);
    first.commit(tokens(0, 16), 16);
    assertThat(first.blocks().held()).as("positions 11 to 16 are seen").isEqualTo(4 + 2);
    assertThat(numbers(first)[1]).isEqualTo(BlockTable.NONE);
    assertThat(cache.freeBlocks()).isEqualTo(6);
    KvSequence second = cache.open(ANNA);
    assertThat(second.reuse(tokens(0, 12), 11)).isEqualTo(8);
    assertThat(second.blocks().held()).as("positions 3 to 8 are seen").isEqualTo(4);
    assertThat(cache.freeBlocks()).as("two of them are the first one's still").isEqualTo(4);
    first.release();
    second.release();
    assertThat(cache.freeBlocks()).isEqualTo(12);
  }

  @Test
  void a_prefix_is_found_as_long_as_what_queries_behind_it_see_is_left() {
    KvCache cache = cache(WINDOWED, 8, ARTEFACT, NUMERICS);
    computed(cache, ANNA, tokens(0, 16)).release();
    assertThat(found(cache, ANNA, tokens(0, 8))).isEqualTo(8);
    assertThat(found(cache, ANNA, tokens(0, 16))).isEqualTo(16);
    KvSequence other = cache.open(ANNA);
    assertThat(other.reserve(4)).as("in place of what was let go of first").isTrue();
    assertThat(found(cache, ANNA, tokens(0, 16))).as("which nobody needs for it").isEqualTo(16);
    assertThat(found(cache, ANNA, tokens(0, 8))).isZero();
  }

  @Test
  void a_sequence_needs_no_more_than_it_was_said_to() {
    KvCache cache = cache(WINDOWED, 100, ARTEFACT, NUMERICS);
    assertThat(cache.demand().blocks(16)).isEqualTo(8);
    assertThat(cache.demand().longest(100, 1000)).isBetween(200, 400);
    KvSequence sequence = cache.open(ANNA);
    for (int tokens = 1; tokens <= 100; tokens++) {
      assertThat(sequence.reserve(tokens)).isTrue();
      sequence.commit(tokens(0, tokens), tokens);
      assertThat(sequence.blocks().held()).isLessThanOrEqualTo(cache.demand().blocks(tokens));
      assertThat(100 - cache.freeBlocks()).isEqualTo(sequence.blocks().held());
    }
    assertThat(sequence.blocks().held()).isEqualTo(25 + 2);
  }

  @Test
  void statistics_count_queries_hits_and_evictions() {
    KvCache cache = cache(4);
    computed(cache, ANNA, tokens(0, 8)).release();
    assertThat(found(cache, ANNA, tokens(0, 8))).isEqualTo(8);
    assertThat(cache.statistics().queriedTokens()).isEqualTo(16);
    assertThat(cache.statistics().hitTokens()).isEqualTo(8);
    assertThat(cache.statistics().publishedBlocks()).isEqualTo(2);
    assertThat(cache.statistics().evictedBlocks()).isZero();
    cache.open(ANNA).reserve(12);
    assertThat(cache.statistics().evictedBlocks()).isEqualTo(1);
    assertThat(cache.statistics().publishedBlocks()).isEqualTo(1);
  }
}

package dev.serval.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.testkit.KvCacheContract;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class PagedKvCacheTest extends KvCacheContract {
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 6, 7, 8};
  private static final int[] SIXTEEN = IntStream.range(0, 16).toArray();

  @Override
  protected KvCache cache(
      KvLayout layout, int blocks, ArtefactDigest artefact, NumericsId numerics) {
    return new PagedKvCache(layout, blocks, artefact, numerics, true);
  }

  private static KvCache cache(int blocks, boolean prefixReuse) {
    ArtefactDigest artefact = ArtefactDigest.of(new byte[32]);
    return new PagedKvCache(LAYOUT, blocks, artefact, new NumericsId("test-1"), prefixReuse);
  }

  @Test
  void without_prefix_reuse_nothing_is_hashed_counted_or_found() {
    KvCache cache = cache(4, false);
    KvSequence sequence = cache.open(IsolationScope.HOST);
    sequence.reserve(8);
    sequence.commit(TOKENS, 8);
    sequence.release();
    assertThat(sequence.reuse(TOKENS, 8)).isZero();
    assertThat(cache.statistics().queriedTokens()).isZero();
    assertThat(cache.statistics().publishedBlocks()).isZero();
  }

  @Test
  void blocks_that_can_never_be_found_again_are_handed_out_first() {
    KvCache cache = cache(3, true);
    KvSequence full = cache.open(IsolationScope.HOST);
    full.reserve(8);
    full.commit(TOKENS, 8);
    KvSequence begun = cache.open(IsolationScope.HOST);
    begun.reserve(1);
    full.release();
    begun.release();
    begun.reserve(3);
    assertThat(full.reuse(TOKENS, 8)).isEqualTo(8);
  }

  @Test
  void what_somebody_will_come_back_for_is_handed_out_last() {
    KvCache cache = cache(4, true);
    KvSequence suspended = cache.open(IsolationScope.HOST);
    suspended.reserve(8);
    suspended.commit(TOKENS, 8);
    KvSequence ended = cache.open(IsolationScope.HOST);
    ended.reserve(8);
    ended.commit(new int[] {8, 7, 6, 5, 4, 3, 2, 1}, 8);
    suspended.suspend();
    ended.release();
    KvSequence next = cache.open(IsolationScope.HOST);
    next.reserve(12);
    assertThat(suspended.reuse(TOKENS, 8)).isEqualTo(4);
    suspended.release();
    next.reserve(16);
    assertThat(suspended.reuse(TOKENS, 8)).isZero();
  }

  /** Notes what is moved. */
  private static final class NotedSwap implements KvSwap {
    private final int slots;
    private final List<String> moves = new ArrayList<>();

    NotedSwap(int slots) {
      this.slots = slots;
    }

    @Override
    public int slots() {
      return slots;
    }

    @Override
    public void save(int block, int slot) {
      moves.add(block + " to " + slot);
    }

    @Override
    public void load(int slot, int block) {
      moves.add(slot + " back to " + block);
    }

    @Override
    public void saveAhead(int block, int slot) {
      moves.add(block + " ahead to " + slot);
    }

    @Override
    public void loadAhead(int slot, int block) {
      moves.add(slot + " ahead back to " + block);
    }

    @Override
    public void settle() {
      moves.add("settled");
    }
  }

  private static KvCache cache(int blocks, KvSwap swap) {
    ArtefactDigest artefact = ArtefactDigest.of(new byte[32]);
    return new PagedKvCache(
        LAYOUT, blocks, artefact, new NumericsId("test-1"), true, swap, Integer.MAX_VALUE);
  }

  private static void compute(KvCache cache, int... tokens) {
    KvSequence sequence = cache.open(IsolationScope.HOST);
    sequence.reuse(tokens, tokens.length);
    assertThat(sequence.reserve(tokens.length)).isTrue();
    sequence.commit(tokens, tokens.length);
    sequence.release();
  }

  private static int found(KvCache cache, int... tokens) {
    KvSequence sequence = cache.open(IsolationScope.HOST);
    int found = sequence.reuse(tokens, tokens.length);
    sequence.release();
    return found;
  }

  @Test
  void what_is_handed_out_anew_is_saved_before_and_comes_back_when_it_is_looked_for() {
    NotedSwap swap = new NotedSwap(5);
    KvCache cache = cache(2, swap);
    compute(cache, TOKENS);
    compute(cache, 11, 12, 13, 14, 15, 16, 17, 18);
    assertThat(swap.moves).containsExactly("1 to 0", "0 to 1");
    swap.moves.clear();
    assertThat(found(cache, TOKENS)).isEqualTo(8);
    assertThat(swap.moves).containsExactly("0 to 2", "1 back to 0", "1 to 3", "0 back to 1");
    assertThat(cache.statistics().swap().saved()).isEqualTo(4);
    assertThat(cache.statistics().swap().loaded()).isEqualTo(2);
    assertThat(cache.statistics().hitTokens()).isEqualTo(8);
  }

  @Test
  void a_block_that_came_back_is_not_saved_again() {
    NotedSwap swap = new NotedSwap(5);
    KvCache cache = cache(2, swap);
    compute(cache, TOKENS);
    cache.open(IsolationScope.HOST).reserve(8);
    KvSequence filler = cache.open(IsolationScope.HOST);
    assertThat(filler.reserve(1)).as("nothing is free").isFalse();
    assertThat(found(cache, TOKENS)).as("nothing can come back to").isZero();
    assertThat(swap.moves).hasSize(2);
  }

  @Test
  void what_moves_to_and_fro_is_copied_out_once() {
    NotedSwap swap = new NotedSwap(8);
    KvCache cache = cache(2, swap);
    for (int i = 0; i < 5; i++) {
      compute(cache, TOKENS);
      compute(cache, 11, 12, 13, 14, 15, 16, 17, 18);
    }
    assertThat(cache.statistics().swap().saved()).isEqualTo(4);
    assertThat(cache.statistics().swap().loaded()).isEqualTo(16);
  }

  @Test
  void where_there_is_no_slot_left_the_least_recent_is_forgotten() {
    NotedSwap swap = new NotedSwap(1);
    KvCache cache = cache(2, swap);
    compute(cache, TOKENS);
    cache.open(IsolationScope.HOST).reserve(8);
    assertThat(swap.moves).containsExactly("1 to 0", "0 to 0");
    KvCache roomy = cache(3, new NotedSwap(1));
    compute(roomy, TOKENS);
    KvSequence filler = roomy.open(IsolationScope.HOST);
    filler.reserve(12);
    filler.release();
    assertThat(found(roomy, TOKENS)).as("the last to be saved was the first block").isEqualTo(4);
  }

  @Test
  void blocks_come_back_ahead_and_nobody_has_them_until_the_step_is_over() {
    NotedSwap swap = new NotedSwap(9);
    KvCache cache = cache(3, swap);
    compute(cache, TOKENS);
    compute(cache, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22);
    swap.moves.clear();
    KvSequence next = cache.open(IsolationScope.HOST);
    assertThat(next.bring(TOKENS, 8, 1)).isOne();
    assertThat(next.bring(TOKENS, 8, 9)).isOne();
    assertThat(next.bring(TOKENS, 8, 9)).isZero();
    assertThat(cache.freeBlocks()).isOne();
    assertThat(swap.moves).allMatch(move -> move.contains("ahead"), "ahead").hasSize(4);
    cache.arrive();
    assertThat(swap.moves.getLast()).isEqualTo("settled");
    assertThat(cache.freeBlocks()).isEqualTo(3);
    swap.moves.clear();
    assertThat(next.reuse(TOKENS, 8)).isEqualTo(8);
    assertThat(swap.moves).isEmpty();
    assertThat(cache.statistics().swap().ahead()).isEqualTo(2);
  }

  @Test
  void what_somebody_will_come_back_for_does_not_go_for_what_comes_ahead() {
    KvCache cache = cache(2, new NotedSwap(9));
    compute(cache, TOKENS);
    KvSequence suspended = cache.open(IsolationScope.HOST);
    suspended.reserve(8);
    suspended.commit(new int[] {8, 7, 6, 5, 4, 3, 2, 1}, 8);
    suspended.suspend();
    assertThat(cache.open(IsolationScope.HOST).bring(TOKENS, 8, 2)).isZero();
  }

  @Test
  void blocks_that_come_ahead_while_all_is_forgotten_are_not_found() {
    KvCache cache = cache(2, new NotedSwap(9));
    compute(cache, TOKENS);
    compute(cache, 11, 12, 13, 14, 15, 16, 17, 18);
    assertThat(cache.open(IsolationScope.HOST).bring(TOKENS, 8, 2)).isEqualTo(2);
    cache.clear();
    cache.arrive();
    assertThat(cache.freeBlocks()).isEqualTo(2);
    assertThat(found(cache, TOKENS)).isZero();
  }

  @Test
  void blocks_for_which_there_was_no_room_are_counted() {
    KvCache cache = cache(2, new NotedSwap(2));
    compute(cache, TOKENS);
    compute(cache, 11, 12, 13, 14, 15, 16, 17, 18);
    compute(cache, 21, 22, 23, 24, 25, 26, 27, 28);
    assertThat(cache.statistics().swap())
        .isEqualTo(new KvStatistics.Swap(LAYOUT.blockBytes(), 4, 0, 0, 2, 0, 0));
    assertThat(cache.movedBlocks()).isEqualTo(4);
  }

  @Test
  void what_somebody_will_come_back_for_leaves_the_swap_last() {
    NotedSwap swap = new NotedSwap(2);
    KvCache cache = cache(2, swap);
    KvSequence suspended = cache.open(IsolationScope.HOST);
    suspended.reserve(4);
    suspended.commit(TOKENS, 4);
    suspended.suspend();
    for (int i = 1; i < 5; i++) {
      compute(cache, 10 * i, 1, 2, 3, 4, 5, 6, 7);
    }
    assertThat(suspended.reuse(TOKENS, 4)).isEqualTo(4);
  }

  @Test
  void clearing_forgets_what_was_saved() {
    KvCache cache = cache(2, new NotedSwap(5));
    compute(cache, TOKENS);
    compute(cache, 11, 12, 13, 14, 15, 16, 17, 18);
    cache.clear();
    assertThat(found(cache, TOKENS)).isZero();
    assertThat(cache.statistics().swap().loaded()).isZero();
  }

  /** Layers that see everything, and as many that see four positions. */
  private static KvCache windowed(int blocks, KvSwap swap) {
    KvShape all = new KvShape(1, 4);
    KvShape some = all.within(new AttentionWindow.Sliding(4));
    return new PagedKvCache(
        new KvLayout(List.of(all, some), 4, DType.F32),
        blocks,
        ArtefactDigest.of(new byte[32]),
        new NumericsId("test-1"),
        true,
        swap,
        Integer.MAX_VALUE);
  }

  @Test
  void what_was_passed_is_handed_out_first_and_not_saved() {
    NotedSwap swap = new NotedSwap(9);
    KvCache cache = windowed(8, swap);
    compute(cache, SIXTEEN);
    KvSequence other = cache.open(IsolationScope.HOST);
    assertThat(other.reserve(4)).isTrue();
    assertThat(swap.moves).isEmpty();
    assertThat(found(cache, SIXTEEN)).isEqualTo(16);
    assertThat(other.reserve(8)).as("what was passed last, and one more").isTrue();
    assertThat(swap.moves).hasSize(2);
  }

  @Test
  void what_was_passed_last_is_kept_for_who_goes_on_from_the_last_full_block() {
    KvCache cache = windowed(12, KvSwap.NONE);
    compute(cache, new int[] {1, 2, 3, 4});
    int[] tokens = Arrays.copyOf(SIXTEEN, 19);
    KvSequence sequence = cache.open(IsolationScope.HOST);
    assertThat(sequence.reserve(19)).isTrue();
    sequence.commit(tokens, 19);
    KvSequence other = cache.open(IsolationScope.HOST);
    assertThat(other.reserve(8)).as("the others that were passed, and an older one").isTrue();
    sequence.release();
    assertThat(found(cache, tokens)).isEqualTo(16);
  }

  @Test
  void what_was_passed_and_found_is_kept_as_all_else() {
    KvCache cache = windowed(20, KvSwap.NONE);
    compute(cache, SIXTEEN);
    int[] parting = SIXTEEN.clone();
    Arrays.fill(parting, 8, 16, 99);
    compute(cache, parting);
    KvSequence other = cache.open(IsolationScope.HOST);
    assertThat(other.reserve(24)).as("all that was passed and not found").isTrue();
    assertThat(found(cache, Arrays.copyOf(SIXTEEN, 8))).isEqualTo(8);
  }

  @Test
  void what_a_conversation_goes_on_from_is_passed_as_what_it_computes_itself() {
    NotedSwap swap = new NotedSwap(9);
    KvCache cache = windowed(12, swap);
    compute(cache, Arrays.copyOf(SIXTEEN, 8));
    compute(cache, SIXTEEN);
    assertThat(cache.open(IsolationScope.HOST).reserve(12)).isTrue();
    assertThat(swap.moves).as("one of its first half, which was not passed").hasSize(1);
    assertThat(found(cache, SIXTEEN)).isEqualTo(16);
  }

  @Test
  void a_cache_without_a_block_is_refused() {
    assertThatThrownBy(() -> cache(0, true)).hasMessageContaining("at least one block, unlike 0");
  }

  @Test
  void a_commit_beyond_the_room_or_back_in_time_is_refused() {
    KvSequence sequence = cache(4, true).open(IsolationScope.HOST);
    sequence.reserve(6);
    sequence.commit(TOKENS, 6);
    assertThatThrownBy(() -> sequence.commit(TOKENS, 9)).hasMessageContaining("room for 8");
    assertThatThrownBy(() -> sequence.commit(TOKENS, 3)).hasMessageContaining("had computed 6");
  }

  @Test
  void a_sequence_that_holds_blocks_does_not_look_for_its_prefix() {
    KvSequence sequence = cache(4, true).open(IsolationScope.HOST);
    sequence.reserve(1);
    assertThatThrownBy(() -> sequence.reuse(TOKENS, 8)).isInstanceOf(IllegalStateException.class);
  }
}

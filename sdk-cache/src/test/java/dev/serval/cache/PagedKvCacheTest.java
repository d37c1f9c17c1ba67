package dev.serval.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.testkit.KvCacheContract;
import org.junit.jupiter.api.Test;

final class PagedKvCacheTest extends KvCacheContract {
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 6, 7, 8};

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
    assertThatThrownBy(() -> sequence.commit(TOKENS, 3)).hasMessageContaining("computed 4 or more");
  }

  @Test
  void a_sequence_that_holds_blocks_does_not_look_for_its_prefix() {
    KvSequence sequence = cache(4, true).open(IsolationScope.HOST);
    sequence.reserve(1);
    assertThatThrownBy(() -> sequence.reuse(TOKENS, 8)).isInstanceOf(IllegalStateException.class);
  }
}

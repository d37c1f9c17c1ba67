package dev.serval.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.TestReporter;

/** The cache does what {@link ReferenceCache} does, block number for block number. */
final class PagedKvCacheRandomTest {
  private static final int OPERATIONS = 25_000;
  private static final int BLOCK_TOKENS = 4;

  private final List<Pair> open = new ArrayList<>();
  private Random random = new Random();
  private PagedKvCache cache;
  private ReferenceCache reference;

  /** A sequence in the cache and in the reference. */
  private static final class Pair {
    final KvSequence real;
    final ReferenceCache.Sequence expected;
    int[] tokens;
    int computed;

    Pair(KvSequence real, ReferenceCache.Sequence expected) {
      this.real = real;
      this.expected = expected;
    }
  }

  @RepeatedTest(4)
  void the_cache_agrees_with_a_simple_reference(
      RepetitionInfo repetition, TestInfo test, TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime() + repetition.getCurrentRepetition());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
    int blocks = 1 + random.nextInt(40);
    KvLayout layout = new KvLayout(1, 1, 1, BLOCK_TOKENS, DType.F32);
    ArtefactDigest artefact = ArtefactDigest.of(new byte[32]);
    cache = new PagedKvCache(layout, blocks, artefact, new NumericsId("test"), true);
    reference = new ReferenceCache(blocks, BLOCK_TOKENS);
    for (int operation = 0; operation < OPERATIONS; operation++) {
      try {
        operate();
        compare();
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + ", operation " + operation, e);
      }
    }
    open.forEach(pair -> pair.real.release());
    assertThat(cache.freeBlocks()).isEqualTo(blocks);
  }

  private void operate() {
    int dice = random.nextInt(1000);
    if (dice == 0) {
      cache.clear();
      reference.clear();
    } else if (open.isEmpty() || (dice < 200 && open.size() < 12)) {
      begin();
    } else {
      Pair pair = open.get(random.nextInt(open.size()));
      if (dice < 350) {
        end(pair);
      } else if (dice < 450) {
        restart(pair);
      } else {
        advance(pair);
      }
    }
  }

  private void begin() {
    int scope = random.nextInt(2);
    Pair pair =
        new Pair(cache.open(IsolationScope.of("scope" + scope)), reference.open("scope" + scope));
    open.add(pair);
    restart(pair);
  }

  /** Lets go, as after a preemption, and looks for the prefix of new tokens or the same. */
  private void restart(Pair pair) {
    if (random.nextBoolean()) {
      pair.real.suspend();
      pair.expected.suspend();
    } else {
      pair.real.release();
      pair.expected.release();
    }
    if (pair.tokens == null || random.nextBoolean()) {
      pair.tokens = random.ints(random.nextInt(60), 0, 2).toArray();
      Arrays.fill(pair.tokens, 0, Math.min(pair.tokens.length, 8), 7);
    }
    int limit = pair.tokens.length == 0 ? 0 : random.nextInt(pair.tokens.length);
    pair.computed = pair.real.reuse(pair.tokens, limit);
    assertThat(pair.computed).isEqualTo(pair.expected.reuse(pair.tokens, limit));
  }

  private void advance(Pair pair) {
    int goal = pair.computed + random.nextInt(pair.tokens.length - pair.computed + 1);
    boolean room = pair.real.reserve(goal);
    assertThat(room).isEqualTo(pair.expected.reserve(goal));
    if (room) {
      pair.computed = goal;
      pair.real.commit(pair.tokens, goal);
      pair.expected.commit(pair.tokens, goal);
    }
  }

  private void end(Pair pair) {
    pair.real.release();
    pair.expected.release();
    open.remove(pair);
  }

  private void compare() {
    assertThat(cache.freeBlocks()).isEqualTo(reference.freeBlocks());
    assertThat(cache.statistics().publishedBlocks()).isEqualTo(reference.published.size());
    for (Pair pair : open) {
      for (int i = 0; i < pair.real.blocks().size(); i++) {
        assertThat(pair.real.blocks().block(i)).isEqualTo(pair.expected.table.get(i));
      }
      assertThat(pair.real.blocks().size()).isEqualTo(pair.expected.table.size());
    }
  }
}

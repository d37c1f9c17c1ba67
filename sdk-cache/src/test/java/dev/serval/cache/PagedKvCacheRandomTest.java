package dev.serval.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.TestReporter;

/** The cache does what {@link ReferenceCache} does, block number for block number. */
final class PagedKvCacheRandomTest {
  private static final int OPERATIONS = 25_000;
  private static final int BLOCK_TOKENS = 4;

  private final List<Pair> open = new ArrayList<>();
  private Random random = new Random();
  private int stepTokens;
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
  void the_cache_agrees_with_a_simple_reference(RepetitionInfo repetition, TestReporter reporter) {
    operate(repetition, reporter, List.of(AttentionWindow.NONE));
  }

  @RepeatedTest(12)
  void so_it_does_where_layers_have_windows(RepetitionInfo repetition, TestReporter reporter) {
    AttentionWindow window = new AttentionWindow.Sliding(1 + repetition.getCurrentRepetition());
    AttentionWindow chunk = new AttentionWindow.Chunk(3 * repetition.getCurrentRepetition());
    operate(
        repetition,
        reporter,
        switch (repetition.getCurrentRepetition() % 4) {
          case 0 -> List.of(window);
          case 1 -> List.of(window, AttentionWindow.NONE);
          case 2 -> List.of(chunk, window);
          default -> List.of(AttentionWindow.NONE, chunk, window);
        });
  }

  private void operate(
      RepetitionInfo repetition, TestReporter reporter, List<AttentionWindow> windows) {
    long seed = Long.getLong("serval.seed", System.nanoTime() + repetition.getCurrentRepetition());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
    int blocks = (1 + random.nextInt(40)) * windows.size();
    stepTokens = 1 + random.nextInt(12);
    List<KvShape> layers = windows.stream().map(new KvShape(1, 1)::within).toList();
    KvLayout layout = new KvLayout(layers, BLOCK_TOKENS, DType.F32);
    ArtefactDigest artefact = ArtefactDigest.of(new byte[32]);
    NumericsId numerics = new NumericsId("test");
    cache = new PagedKvCache(layout, blocks, artefact, numerics, true, KvSwap.NONE, stepTokens);
    reference = new ReferenceCache(blocks, BLOCK_TOKENS, windows, stepTokens);
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
    int missing = pair.real.missing(goal);
    int before = cache.freeBlocks();
    boolean room = pair.real.reserve(goal);
    assertThat(room).isEqualTo(pair.expected.reserve(goal)).isEqualTo(missing <= before);
    assertThat(cache.freeBlocks()).isEqualTo(room ? before - missing : before);
    assertThat(pair.real.room()).isEqualTo(pair.expected.near() * BLOCK_TOKENS);
    int most = Math.min(goal, pair.real.room()) - pair.computed;
    if (room && most >= 0) {
      pair.computed += Math.min(most, 1 + random.nextInt(stepTokens));
      pair.real.commit(pair.tokens, pair.computed);
      pair.expected.commit(pair.tokens, pair.computed);
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
      int[] expected = pair.expected.table.stream().flatMapToInt(Arrays::stream).toArray();
      for (int i = 0; i < pair.real.blocks().size(); i++) {
        assertThat(pair.real.blocks().block(i)).isEqualTo(expected[i]);
      }
      assertThat(pair.real.blocks().size()).isEqualTo(expected.length);
    }
  }
}

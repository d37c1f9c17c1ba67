package dev.serval.cache;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.BlockPool.Worth;
import java.util.Arrays;

/**
 * A KV cache of fixed-size blocks in which equal beginnings are computed once. It keeps the books
 * on block numbers alone; the memory behind them is the executor's.
 *
 * <p>Not thread-safe: it belongs to the thread of the one engine that uses it.
 */
public final class PagedKvCache implements KvCache {
  /*
   * Two questions can be asked of a block: does any sequence hold it, and is it published under a
   * key. That makes four states, and these are all the ways between them:
   *
   *   free, anonymous   handed out                          held, anonymous
   *   held, anonymous   full, and its key is new            held, published
   *   held, anonymous   its holder lets go                  free, anonymous, at the ring's front
   *   held, published   its last holder lets go             free, published, at the ring's end
   *   free, published   its prefix is found                 held, published
   *   free, published   handed out: evicted                 held, anonymous
   *   any published     clear()                             the same, anonymous
   *   free, anonymous   its key is found among the swapped  held, published
   *
   * What always holds:
   *
   *  1. A block is either in the ring of free blocks, with no holder, or outside of it, with one
   *     holder for each table that lists it.
   *  2. A block is shared only once it is published, published only once it is full, and never
   *     written again from then on. A sequence shares whole blocks and begins to write at the start
   *     of a block of its own: nobody writes what another one reads, and nothing is copied on write.
   *  3. A key has one block at most. Where two sequences compute the same tokens side by side, the
   *     first to fill a block publishes it, and the other's copy stays anonymous.
   *  4. A published block's contents follow from its key: it was computed from blocks whose keys
   *     its own key contains. Hence the epoch. Whoever held blocks when the cache was cleared goes
   *     on computing from what was to be forgotten, and publishes nothing more until it has let
   *     go of everything.
   *
   * Eviction is the order of the ring. Published blocks go to its end when their last holder lets
   * go, so the least recently freed is handed out first; anonymous ones can never be found again
   * and go to its front. Those of a sequence that gives way, and will come back for them, are in a
   * ring of their own, which is touched when the other is empty. A sequence frees its last block first: a chain is then eaten from its tail,
   * and as a prefix is searched from its head, whatever is left of the chain stays useful.
   *
   * Where there is a swap, an evicted block is saved there under its key before it is handed out,
   * and comes back to a free block when its prefix is looked for, or ahead of that. Published blocks
   * are the only ones that move: nobody writes to them, so what was saved once stays true. Those
   * that come ahead are held, so that no step meets them, until the step is over beside which they
   * move; then they are free ones that somebody will come back for.
   *
   * This is the block manager of PagedAttention (Kwon et al., https://arxiv.org/abs/2309.06180)
   * with the prefix tree of RadixAttention (Zheng et al., https://arxiv.org/abs/2312.07104) held as
   * chained hashes: a key names the whole path from the root, so the tree needs no nodes.
   */

  private static final int REMEMBERED_SCOPES = 1024;

  private final KvLayout layout;
  private final boolean prefixReuse;
  private final BlockPool pool;
  private final PrefixIndex index;
  private final SwappedBlocks swapped;
  private final ScopeRoots roots;
  private final KvKey.Hasher hasher;
  private long queriedTokens;
  private long hitTokens;
  private long evictedBlocks;
  private int epoch;
  private int[] arriving = new int[16];
  private int arrivals;

  /**
   * An empty cache.
   *
   * @param layout how a block is laid out, of which the keys and the block size follow
   * @param blocks how many blocks the KV memory has
   * @param artefact what was loaded
   * @param numerics how blocks are computed
   * @param prefixReuse whether blocks are published at all; if not, nothing is ever found again
   * @throws IllegalArgumentException when there is no block
   */
  public PagedKvCache(
      KvLayout layout,
      int blocks,
      ArtefactDigest artefact,
      NumericsId numerics,
      boolean prefixReuse) {
    this(layout, blocks, artefact, numerics, prefixReuse, KvSwap.NONE);
  }

  /**
   * An empty cache whose blocks have somewhere else to go.
   *
   * @param layout how a block is laid out, of which the keys and the block size follow
   * @param blocks how many blocks the KV memory has
   * @param artefact what was loaded
   * @param numerics how blocks are computed
   * @param prefixReuse whether blocks are published at all; if not, nothing is ever found again
   * @param swap where published blocks go when they are handed out anew
   * @throws IllegalArgumentException when there is no block
   */
  public PagedKvCache(
      KvLayout layout,
      int blocks,
      ArtefactDigest artefact,
      NumericsId numerics,
      boolean prefixReuse,
      KvSwap swap) {
    if (blocks < 1) {
      throw new IllegalArgumentException("a KV cache has at least one block, unlike " + blocks);
    }
    this.layout = layout;
    this.prefixReuse = prefixReuse;
    pool = new BlockPool(blocks);
    index = new PrefixIndex(blocks);
    swapped = new SwappedBlocks(swap, layout.blockBytes());
    roots =
        new ScopeRoots(REMEMBERED_SCOPES, scope -> KvKey.root(artefact, layout, numerics, scope));
    hasher = new KvKey.Hasher(layout.blockTokens());
  }

  @Override
  public int blockTokens() {
    return layout.blockTokens();
  }

  @Override
  public int totalBlocks() {
    return pool.blocks();
  }

  @Override
  public int freeBlocks() {
    return pool.free();
  }

  @Override
  public KvStatistics statistics() {
    return new KvStatistics(
        queriedTokens, hitTokens, index.size(), evictedBlocks, swapped.statistics());
  }

  @Override
  public long movedBlocks() {
    return swapped.moves();
  }

  @Override
  public void arrive() {
    while (arrivals > 0) {
      int block = arriving[--arrivals];
      pool.release(block, index.isPublished(block) ? Worth.EXPECTED : Worth.NOTHING);
    }
    swapped.settle();
  }

  private void bring(KvKey key, int slot) {
    int block = take(true);
    swapped.loadAhead(slot, block);
    index.publish(key, block);
    if (arrivals == arriving.length) {
      arriving = Arrays.copyOf(arriving, 2 * arrivals);
    }
    arriving[arrivals++] = block;
  }

  @Override
  public KvSequence open(IsolationScope scope) {
    return new Chain(roots.of(scope));
  }

  @Override
  public void clear() {
    index.clear();
    swapped.clear();
    epoch++;
  }

  private int take() {
    return take(false);
  }

  /** Hands out a block, for the next step or for the one after it. */
  private int take(boolean early) {
    Worth worth = pool.worthOfNext();
    int block = pool.take();
    KvKey key = index.key(block);
    if (key != null) {
      swapped.save(key, block, worth, early);
      index.withdraw(block);
      evictedBlocks++;
    }
    return block;
  }

  /** A sequence's blocks, and the key up to which they are hashed. */
  private final class Chain implements KvSequence {
    private final KvKey root;
    private final BlockTable table = new BlockTable();
    private KvKey tip;
    private int fullBlocks;
    private int begunIn = epoch;

    /** Up to which block it was looked what is to be brought back. */
    private KvKey sought;

    private int soughtBlocks;

    Chain(KvKey root) {
      this.root = root;
      tip = root;
      sought = root;
    }

    @Override
    public BlockTable blocks() {
      return table;
    }

    @Override
    public int reuse(int[] tokens, int limit) {
      if (table.size() > 0) {
        throw new IllegalStateException(
            "a sequence looks for its prefix before it holds blocks, not with " + table.size());
      }
      if (!prefixReuse) {
        return 0;
      }
      begunIn = epoch;
      queriedTokens += limit;
      int most = limit / blockTokens();
      while (fullBlocks < most && shareNext(tokens)) {
        hitTokens += blockTokens();
      }
      return fullBlocks * blockTokens();
    }

    @Override
    public int bring(int[] tokens, int limit, int most) {
      int full = swapped.isEmpty() ? 0 : limit / blockTokens();
      int brought = 0;
      while (soughtBlocks < full && brought < most) {
        KvKey key = hasher.child(sought, tokens, soughtBlocks * blockTokens());
        if (index.find(key) == PrefixIndex.NONE) {
          if (!begins(key)) {
            return brought;
          }
          brought++;
        }
        sought = key;
        soughtBlocks++;
      }
      return brought;
    }

    /** Brings a block back unless others that somebody will come back for would have to go. */
    private boolean begins(KvKey key) {
      if (pool.free() == 0 || pool.worthOfNext() == Worth.EXPECTED) {
        return false;
      }
      int slot = swapped.hold(key);
      if (slot == SwappedBlocks.NONE) {
        return false;
      }
      PagedKvCache.this.bring(key, slot);
      return true;
    }

    private boolean shareNext(int[] tokens) {
      KvKey key = nextKey(tokens);
      int block = index.find(key);
      if (block != PrefixIndex.NONE) {
        pool.share(block);
      } else {
        block = broughtBack(key);
        if (block == PrefixIndex.NONE) {
          return false;
        }
      }
      table.add(block);
      extendTo(key);
      return true;
    }

    private int broughtBack(KvKey key) {
      if (pool.free() == 0) {
        return PrefixIndex.NONE;
      }
      int slot = swapped.hold(key);
      if (slot == SwappedBlocks.NONE) {
        return PrefixIndex.NONE;
      }
      int block = take();
      swapped.load(slot, block);
      index.publish(key, block);
      return block;
    }

    @Override
    public boolean reserve(int tokens) {
      int missing = layout.blocksFor(tokens) - table.size();
      if (missing > pool.free()) {
        return false;
      }
      if (table.size() == 0) {
        begunIn = epoch;
      }
      for (; missing > 0; missing--) {
        table.add(take());
      }
      return true;
    }

    @Override
    public void commit(int[] tokens, int computed) {
      int full = computed / blockTokens();
      if (layout.blocksFor(computed) > table.size() || full < fullBlocks) {
        throw new IllegalArgumentException(
            "%d computed tokens of a sequence that has room for %d and had computed %d or more"
                .formatted(computed, table.size() * blockTokens(), fullBlocks * blockTokens()));
      }
      if (prefixReuse && begunIn == epoch) {
        while (fullBlocks < full) {
          KvKey key = nextKey(tokens);
          index.publish(key, table.block(fullBlocks));
          extendTo(key);
        }
      }
    }

    @Override
    public void release() {
      letGo(Worth.FOUND_AGAIN);
    }

    @Override
    public void suspend() {
      letGo(Worth.EXPECTED);
    }

    private void letGo(Worth published) {
      for (int i = table.size() - 1; i >= 0; i--) {
        int block = table.block(i);
        pool.release(block, index.isPublished(block) ? published : Worth.NOTHING);
      }
      table.clear();
      tip = root;
      fullBlocks = 0;
      sought = root;
      soughtBlocks = 0;
    }

    private KvKey nextKey(int[] tokens) {
      return hasher.child(tip, tokens, fullBlocks * blockTokens());
    }

    private void extendTo(KvKey key) {
      tip = key;
      fullBlocks++;
    }
  }
}

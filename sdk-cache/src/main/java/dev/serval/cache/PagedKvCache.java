package dev.serval.cache;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvDemand;
import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.BlockPool.Worth;
import java.util.Arrays;
import java.util.stream.IntStream;

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
   *   held, anonymous   its holder lets go                  free, anonymous, at the rings' front
   *   held, published   its last holder lets go             free, published, at a ring's end
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
   * Eviction is the order of the rings. Published blocks go to the end of theirs when their last
   * holder lets go, so the least recently freed is handed out first; anonymous ones can never be
   * found again and go to the front of the first. Those of a sequence that gives way, and will come
   * back for them, are in the last ring, which is touched when the others are empty. A sequence frees
   * its last block first: a chain is then eaten from its tail, and as a prefix is searched from its
   * head, whatever is left of the chain stays useful.
   *
   * Where there is a swap, an evicted block is saved there under its key before it is handed out,
   * unless it is one that was passed by, and comes back to a free block when its prefix is looked
   * for, or ahead of that. Published blocks are the only ones that move: nobody writes to them, so
   * what was saved once stays true. Those that come ahead are held, so that no step meets them, until
   * the step is over beside which they move; then they are free ones that somebody will come back for.
   *
   * Groups of layers. Each has a block, and a key, of its own for the same tokens. Where queries have
   * a window, a sequence lets go of blocks behind it. They stay findable, since somebody may part from
   * it there, but go to the first ring: who comes back, as conversations do, needs the last ones, and
   * the newest of those that were passed (NewestPassed). Where a block was found that another sequence
   * had passed, sequences part, and it is kept as others; what one sequence held to its end and the
   * next one finds is a conversation that goes on, and is passed as its own. What is
   * found of a beginning is taken up as far as windows reach, no further (KnownBeginning). A sequence
   * is promised blocks for all of its tokens, of these groups for no more at once than a window and a
   * step reach over; as it moves on, it takes as many as it lets go of, in one go, so that nobody else
   * comes in between. Only where others still hold what it let go of may it find none, and has to ask
   * again.
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
  private final KnownBeginning known;
  private final int groups;
  private final int windowed;
  private final KvDemand demand;
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
    this(layout, blocks, artefact, numerics, prefixReuse, KvSwap.NONE, Integer.MAX_VALUE);
  }

  /**
   * An empty cache whose blocks have somewhere else to go, for an engine with steps of some size.
   *
   * @param layout how a block is laid out, of which the keys and the block size follow
   * @param blocks how many blocks the KV memory has
   * @param artefact what was loaded
   * @param numerics how blocks are computed
   * @param prefixReuse whether blocks are published at all; if not, nothing is ever found again
   * @param swap where published blocks go when they are handed out anew
   * @param stepTokens how many tokens of a sequence a step computes at most: behind windows blocks
   *     are held of no more
   * @throws IllegalArgumentException when there is no block
   */
  public PagedKvCache(
      KvLayout layout,
      int blocks,
      ArtefactDigest artefact,
      NumericsId numerics,
      boolean prefixReuse,
      KvSwap swap,
      int stepTokens) {
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
    known = new KnownBeginning(layout, index, swapped, pool, hasher);
    groups = layout.groups();
    windowed = (int) IntStream.range(0, groups).filter(layout::isWindowed).count();
    demand = layout.demand(stepTokens);
  }

  @Override
  public int blockTokens() {
    return layout.blockTokens();
  }

  @Override
  public KvDemand demand() {
    return demand;
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
      if (worth != Worth.PASSED) {
        swapped.save(key, block, worth, early);
      }
      index.withdraw(block);
      evictedBlocks++;
    }
    return block;
  }

  /** A sequence's blocks, and the key up to which they are hashed. */
  private final class Chain implements KvSequence {
    private final KvKey root;
    private final BlockTable table = new BlockTable();

    /** Of each group the first block of tokens that is held; those before are behind the window. */
    private final int[] firstHeld = new int[windowed == 0 ? 0 : groups];

    private final NewestPassed newest = new NewestPassed(pool, index, firstHeld.length);

    private KvKey tip;
    private int fullBlocks;
    private int begunIn = epoch;
    private int computed;

    /** How many tokens there are blocks for, or will be as windows move on. */
    private int reserved;

    /** How many blocks of tokens were taken up. */
    private int found;

    /** Whether it parted there from a sequence that went on. */
    private boolean parted;

    /** Up to which block of tokens groups with a window have theirs. */
    private int near;

    /** Whether nothing of the beginning was in the swap when it was last looked for there. */
    private boolean broughtAll;

    Chain(KvKey root) {
      this.root = root;
      tip = root;
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
      known.search(root, tokens, limit / blockTokens());
      if (known.blocks() > 0) {
        takeUp();
      }
      known.forget();
      hitTokens += computed;
      return computed;
    }

    /** What is there is held first, so that nothing of it is handed out for what comes back. */
    private void takeUp() {
      int entries = known.blocks() * groups;
      for (int entry = 0; entry < entries; entry++) {
        hold(entry / groups, entry % groups);
      }
      for (int entry = 0; entry < entries; entry++) {
        table.add(taken(entry / groups, entry % groups));
      }
      fullBlocks = known.blocks();
      tip = known.key(fullBlocks - 1);
      computed = fullBlocks * blockTokens();
      reserved = computed;
      found = fullBlocks;
      near = fullBlocks;
      for (int group = 0; group < firstHeld.length; group++) {
        firstHeld[group] = firstSeen(group);
      }
    }

    private void hold(int block, int group) {
      if (known.isSwapped(block, group)) {
        swapped.hold(known.slot(block, group));
      } else if (known.needs(block, group)) {
        int number = known.block(block, group);
        parted |= layout.isWindowed(group) && pool.isPassed(number);
        pool.share(number);
      }
    }

    private int taken(int block, int group) {
      if (!known.needs(block, group)) {
        return BlockTable.NONE;
      }
      if (!known.isSwapped(block, group)) {
        return known.block(block, group);
      }
      int taken = take();
      swapped.load(known.slot(block, group), taken);
      index.publish(known.key(block).ofGroup(group), taken);
      return taken;
    }

    @Override
    public int bring(int[] tokens, int limit, int most) {
      if (broughtAll || swapped.isEmpty()) {
        return 0;
      }
      known.search(root, tokens, limit / blockTokens());
      int brought = 0;
      broughtAll = true;
      for (int entry = 0; entry < known.blocks() * groups; entry++) {
        int block = entry / groups;
        int group = entry % groups;
        if (known.isSwapped(block, group)) {
          broughtAll = false;
          if (brought == most || !comesBack(known.key(block).ofGroup(group))) {
            break;
          }
          brought++;
        }
      }
      known.forget();
      return brought;
    }

    /** Brings a block back unless others that somebody will come back for would have to go. */
    private boolean comesBack(KvKey key) {
      int slot = swapped.find(key);
      if (pool.free() == 0 || pool.worthOfNext() == Worth.EXPECTED || slot == SwappedBlocks.NONE) {
        return false;
      }
      swapped.hold(slot);
      PagedKvCache.this.bring(key, slot);
      return true;
    }

    @Override
    public int missing(int tokens) {
      int blocks = blocksOf(tokens);
      int all = Math.max(0, blocks - table.size() / groups) * (groups - windowed);
      return all + Math.max(0, nearest(blocks) - near) * windowed;
    }

    private int blocksOf(int tokens) {
      return Math.ceilDiv(tokens, blockTokens());
    }

    /** Up to which block groups with a window have theirs, if others have so many. */
    private int nearest(int blocks) {
      long reached = Math.ceilDiv((long) computed + demand.ahead(), (long) blockTokens());
      return windowed == 0 ? blocks : (int) Math.min(blocks, reached);
    }

    @Override
    public boolean reserve(int tokens) {
      if (missing(tokens) > pool.free()) {
        return false;
      }
      if (table.size() == 0) {
        begunIn = epoch;
      }
      reserved = Math.max(reserved, tokens);
      int blocks = blocksOf(tokens);
      for (int block = table.size() / groups; block < blocks; block++) {
        for (int group = 0; group < groups; group++) {
          table.add(layout.isWindowed(group) ? BlockTable.NONE : take());
        }
      }
      while (near < nearest(blocks)) {
        takeNext();
      }
      return true;
    }

    /** Takes the next block of each group with a window. */
    private void takeNext() {
      for (int group = 0; group < groups; group++) {
        if (layout.isWindowed(group)) {
          table.set(near * groups + group, take());
        }
      }
      near++;
    }

    @Override
    public int room() {
      return near * blockTokens();
    }

    @Override
    public void commit(int[] tokens, int count) {
      int full = count / blockTokens();
      if (count > room() || count < computed) {
        throw new IllegalArgumentException(
            "%d computed tokens of a sequence that has room for %d and had computed %d"
                .formatted(count, room(), computed));
      }
      computed = count;
      if (prefixReuse && begunIn == epoch) {
        while (fullBlocks < full) {
          publishNext(tokens);
        }
      }
      if (windowed > 0) {
        moveOn();
      }
    }

    private void publishNext(int[] tokens) {
      tip = hasher.child(tip, tokens, fullBlocks * blockTokens());
      for (int group = 0; group < groups; group++) {
        index.publish(tip.ofGroup(group), table.block(fullBlocks * groups + group));
      }
      fullBlocks++;
    }

    /**
     * Lets go of what is behind windows, and takes what they come to: later, where blocks are on
     * their way, as what is saved now would be in their way.
     */
    private void moveOn() {
      for (int group = 0; group < groups; group++) {
        for (int first = firstSeen(group); firstHeld[group] < first; firstHeld[group]++) {
          pass(group, firstHeld[group]);
        }
      }
      int reached = nearest(blocksOf(reserved));
      while (near < reached && pool.free() >= windowed && arrivals == 0) {
        takeNext();
      }
    }

    private void pass(int group, int block) {
      int entry = block * groups + group;
      if (block < found && parted) {
        letGo(entry, Worth.PARTED_FROM);
      } else {
        newest.pass(group, table.block(entry));
      }
      table.set(entry, BlockTable.NONE);
    }

    private int firstSeen(int group) {
      return layout.window(group).firstSeen(computed) / blockTokens();
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
      newest.grade(published);
      for (int entry = table.size() - 1; entry >= 0; entry--) {
        letGo(entry, published);
      }
      table.clear();
      tip = root;
      fullBlocks = 0;
      computed = 0;
      reserved = 0;
      found = 0;
      parted = false;
      near = 0;
      broughtAll = false;
      Arrays.fill(firstHeld, 0);
    }

    private void letGo(int entry, Worth published) {
      int block = table.block(entry);
      if (block != BlockTable.NONE) {
        pool.release(block, index.isPublished(block) ? published : Worth.NOTHING);
      }
    }
  }
}

package dev.serval.cache;

import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvLayout;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How much of a sequence's beginning is known, and in which blocks and slots of the swap it is.
 * Reused for every search.
 */
final class KnownBeginning {
  /*
   * To go on behind n blocks, a sequence needs of each group of layers what queries behind them see: of
   * one that sees everything all n, of one with a window the last few. So the search goes along the
   * tokens as long as groups that see everything know them, and remembers the last n behind which every
   * group has what it needs and there are enough free blocks: for those that come from the swap, and for
   * those that are free now and will be held.
   *
   * For that two things are kept of each group while the search goes along: where the run of known blocks
   * begins that lasts until now, and how many free blocks all known ones up to each would take.
   */
  private static final int LACKING = -1;
  private static final int FIRST_SLOT = -2;

  private final KvLayout layout;
  private final PrefixIndex index;
  private final SwappedBlocks swapped;
  private final BlockPool pool;
  private final KvKey.Hasher hasher;
  private final int groups;
  private final int[] runs;
  private @Nullable KvKey[] keys = new KvKey[0];
  private int[] places = new int[0];
  private int[] takes = new int[0];
  private int searched;
  private int blocks;

  KnownBeginning(
      KvLayout layout,
      PrefixIndex index,
      SwappedBlocks swapped,
      BlockPool pool,
      KvKey.Hasher hasher) {
    this.layout = layout;
    this.index = index;
    this.swapped = swapped;
    this.pool = pool;
    this.hasher = hasher;
    groups = layout.groups();
    runs = new int[groups];
  }

  /**
   * Searches anew.
   *
   * @param root the key before the first block
   * @param tokens the sequence's tokens
   * @param most up to how many blocks of them
   */
  void search(KvKey root, int[] tokens, int most) {
    forget();
    KvKey tip = root;
    boolean goesOn = true;
    while (goesOn && searched < most) {
      makeRoom();
      tip = hasher.child(tip, tokens, searched * layout.blockTokens());
      keys[searched] = tip;
      goesOn = lookFor(tip);
      searched++;
      if (goesOn && isComplete() && freeBlocks() <= pool.free()) {
        blocks = searched;
      }
    }
  }

  /** Lets go of the keys of the last search. */
  void forget() {
    Arrays.fill(keys, 0, searched, null);
    Arrays.fill(runs, 0);
    searched = 0;
    blocks = 0;
  }

  private void makeRoom() {
    if (searched == keys.length) {
      int room = Math.max(16, 2 * searched);
      keys = Arrays.copyOf(keys, room);
      places = Arrays.copyOf(places, room * groups);
      takes = Arrays.copyOf(takes, (room + 1) * groups);
    }
  }

  /** Looks for the next block of each group, and says whether those that see everything have it. */
  private boolean lookFor(KvKey key) {
    boolean goesOn = true;
    for (int group = 0; group < groups; group++) {
      int place = place(key.ofGroup(group));
      int at = searched * groups + group;
      places[at] = place;
      takes[at + groups] = takes[at] + (takesBlock(place) ? 1 : 0);
      if (place == LACKING) {
        runs[group] = searched + 1;
        goesOn &= layout.isWindowed(group);
      }
    }
    return goesOn;
  }

  private int place(KvKey key) {
    int block = index.find(key);
    if (block != PrefixIndex.NONE) {
      return block;
    }
    int slot = swapped.find(key);
    return slot == SwappedBlocks.NONE ? LACKING : FIRST_SLOT - slot;
  }

  private boolean takesBlock(int place) {
    return place != LACKING && (place < 0 || pool.isFree(place));
  }

  private boolean isComplete() {
    for (int group = 0; group < groups; group++) {
      if (runs[group] > first(group, searched)) {
        return false;
      }
    }
    return true;
  }

  private int freeBlocks() {
    int free = 0;
    for (int group = 0; group < groups; group++) {
      free += takes[searched * groups + group] - takes[first(group, searched) * groups + group];
    }
    return free;
  }

  /** The first block that queries of a group behind so many see. */
  private int first(int group, int behind) {
    int tokens = layout.blockTokens();
    return layout.window(group).firstSeen(behind * tokens) / tokens;
  }

  /** How many blocks of tokens can be taken up. */
  int blocks() {
    return blocks;
  }

  /** The key of one of these, of the first group. */
  KvKey key(int block) {
    return Objects.requireNonNull(keys[block]);
  }

  /** Whether a group's block of tokens is needed to go on behind all that can be taken up. */
  boolean needs(int block, int group) {
    return block >= first(group, blocks);
  }

  /** Whether a group's block of tokens is needed and in the swap. */
  boolean isSwapped(int block, int group) {
    return needs(block, group) && places[block * groups + group] <= FIRST_SLOT;
  }

  /** The slot that has it. */
  int slot(int block, int group) {
    return FIRST_SLOT - places[block * groups + group];
  }

  /** The block that has it. */
  int block(int block, int group) {
    return places[block * groups + group];
  }
}

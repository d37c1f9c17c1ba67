package dev.serval.cache;

import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.cache.KvSwap;
import dev.serval.cache.BlockPool.Worth;

/**
 * The books of a {@link KvSwap}: which slot has the block that is published under a key. A block
 * that came back stays in its slot as well, so that it need not be moved again when it is evicted
 * once more. The slot that is taken for another block is the one least recently saved or loaded;
 * those whose block somebody will come back for are taken last.
 */
final class SwappedBlocks {
  static final int NONE = PrefixIndex.NONE;

  private final KvSwap swap;
  private final PrefixIndex index;
  private final BlockPool slots;
  private final long blockBytes;
  private long saved;
  private long loaded;
  private long ahead;
  private long displaced;
  private long refused;

  SwappedBlocks(KvSwap swap, long blockBytes) {
    this.swap = swap;
    this.blockBytes = blockBytes;
    index = new PrefixIndex(swap.slots());
    slots = new BlockPool(swap.slots());
  }

  /** Whether nothing can be found here. */
  boolean isEmpty() {
    return index.size() == 0;
  }

  /**
   * A block is about to be handed out anew.
   *
   * @param early whether not for the next step but the one after it
   */
  void save(KvKey key, int block, Worth worth, boolean early) {
    int slot = index.find(key);
    if (slot != NONE) {
      slots.share(slot);
    } else if (slots.free() > 0) {
      slot = slots.take();
      if (index.withdraw(slot)) {
        displaced++;
      }
      if (early) {
        swap.saveAhead(block, slot);
      } else {
        swap.save(block, slot);
      }
      index.publish(key, slot);
      saved++;
    } else {
      refused++;
      return;
    }
    slots.release(slot, worth);
  }

  /** The slot that has a block, or {@link #NONE}. */
  int find(KvKey key) {
    return index.find(key);
  }

  /** Holds a slot, until its block is {@linkplain #load loaded}. */
  void hold(int slot) {
    slots.share(slot);
  }

  /** Brings what a slot has to a block, and lets go of the slot. */
  void load(int slot, int block) {
    swap.load(slot, block);
    loaded++;
    slots.release(slot, Worth.FOUND_AGAIN);
  }

  /** Brings what a slot has to a block while the next step computes. */
  void loadAhead(int slot, int block) {
    swap.loadAhead(slot, block);
    loaded++;
    ahead++;
    slots.release(slot, Worth.FOUND_AGAIN);
  }

  /** A step is over. */
  void settle() {
    swap.settle();
  }

  void clear() {
    index.clear();
  }

  long moves() {
    return swap.slots() == 0 ? 0 : saved + loaded + refused;
  }

  KvStatistics.Swap statistics() {
    return swap.slots() == 0
        ? KvStatistics.Swap.NONE
        : new KvStatistics.Swap(blockBytes, saved, loaded, ahead, displaced, refused, swap.nanos());
  }
}

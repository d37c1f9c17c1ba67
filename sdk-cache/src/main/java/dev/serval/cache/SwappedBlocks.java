package dev.serval.cache;

import dev.serval.api.cache.KvKey;
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
  private long saved;
  private long loaded;

  SwappedBlocks(KvSwap swap) {
    this.swap = swap;
    index = new PrefixIndex(swap.slots());
    slots = new BlockPool(swap.slots());
  }

  /** A block is about to be handed out anew. */
  void save(KvKey key, int block, Worth worth) {
    int slot = index.find(key);
    if (slot != NONE) {
      slots.share(slot);
    } else if (slots.free() > 0) {
      slot = slots.take();
      index.withdraw(slot);
      swap.save(block, slot);
      index.publish(key, slot);
      saved++;
    } else {
      return;
    }
    slots.release(slot, worth);
  }

  /** Holds the slot that has a block, until it is {@linkplain #load loaded}; {@link #NONE}. */
  int hold(KvKey key) {
    int slot = index.find(key);
    if (slot != NONE) {
      slots.share(slot);
    }
    return slot;
  }

  /** Brings what a slot has to a block, and lets go of the slot. */
  void load(int slot, int block) {
    swap.load(slot, block);
    loaded++;
    slots.release(slot, Worth.FOUND_AGAIN);
  }

  void clear() {
    index.clear();
  }

  long saved() {
    return saved;
  }

  long loaded() {
    return loaded;
  }
}

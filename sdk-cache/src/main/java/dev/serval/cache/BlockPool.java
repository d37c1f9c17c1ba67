package dev.serval.cache;

/**
 * Counts the holders of each block and keeps the blocks that nobody holds in a ring, in the order
 * in which they are handed out. The ring is intrusive: two arrays indexed by block, whose last
 * entry is the ring's anchor, so every operation takes constant time and allocates nothing.
 */
final class BlockPool {
  private final int[] holders;
  private final int[] next;
  private final int[] previous;
  private final int anchor;
  private int free;

  BlockPool(int blocks) {
    holders = new int[blocks];
    next = new int[blocks + 1];
    previous = new int[blocks + 1];
    anchor = blocks;
    next[anchor] = anchor;
    previous[anchor] = anchor;
    for (int block = 0; block < blocks; block++) {
      linkBefore(anchor, block);
    }
  }

  int blocks() {
    return anchor;
  }

  int free() {
    return free;
  }

  /** Hands out the first free block; the caller knows that there is one. */
  int take() {
    int block = next[anchor];
    share(block);
    return block;
  }

  /** Adds a holder to a block, free or not. */
  void share(int block) {
    if (holders[block]++ == 0) {
      unlink(block);
    }
  }

  /**
   * Takes a holder from a block. When it was the last, the block is free: the last one to be handed
   * out if it is worth keeping, else the first.
   */
  void release(int block, boolean worthKeeping) {
    if (--holders[block] == 0) {
      linkBefore(worthKeeping ? anchor : next[anchor], block);
    }
  }

  private void linkBefore(int successor, int block) {
    int predecessor = previous[successor];
    next[predecessor] = block;
    previous[block] = predecessor;
    next[block] = successor;
    previous[successor] = block;
    free++;
  }

  private void unlink(int block) {
    next[previous[block]] = next[block];
    previous[next[block]] = previous[block];
    free--;
  }
}

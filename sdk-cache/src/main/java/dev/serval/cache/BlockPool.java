package dev.serval.cache;

/**
 * Counts the holders of each block and keeps the blocks that nobody holds in a ring, in the order
 * in which they are handed out. The ring is intrusive: a block's holders and its neighbours in the
 * ring lie side by side, and after the last block the ring's anchor, so every operation takes
 * constant time, touches few lines of the processor's cache and allocates nothing.
 */
final class BlockPool {
  private static final int WIDTH = 4;
  private static final int HOLDERS = 0;
  private static final int NEXT = 1;
  private static final int PREVIOUS = 2;

  private final int[] books;
  private final int anchor;
  private int free;

  BlockPool(int blocks) {
    books = new int[WIDTH * (blocks + 1)];
    anchor = blocks;
    next(anchor, anchor);
    previous(anchor, anchor);
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
    int block = next(anchor);
    share(block);
    return block;
  }

  /** Adds a holder to a block, free or not. */
  void share(int block) {
    if (books[WIDTH * block + HOLDERS]++ == 0) {
      unlink(block);
    }
  }

  /**
   * Takes a holder from a block. When it was the last, the block is free: the last one to be handed
   * out if it is worth keeping, else the first.
   */
  void release(int block, boolean worthKeeping) {
    if (--books[WIDTH * block + HOLDERS] == 0) {
      linkBefore(worthKeeping ? anchor : next(anchor), block);
    }
  }

  private void linkBefore(int successor, int block) {
    int predecessor = previous(successor);
    next(predecessor, block);
    previous(block, predecessor);
    next(block, successor);
    previous(successor, block);
    free++;
  }

  private void unlink(int block) {
    int predecessor = previous(block);
    int successor = next(block);
    next(predecessor, successor);
    previous(successor, predecessor);
    free--;
  }

  private int next(int block) {
    return books[WIDTH * block + NEXT];
  }

  private void next(int block, int successor) {
    books[WIDTH * block + NEXT] = successor;
  }

  private int previous(int block) {
    return books[WIDTH * block + PREVIOUS];
  }

  private void previous(int block, int predecessor) {
    books[WIDTH * block + PREVIOUS] = predecessor;
  }
}

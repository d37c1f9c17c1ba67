package dev.serval.cache;

/**
 * Counts the holders of each block and keeps the blocks that nobody holds in three rings, by what
 * they are good for, each in the order in which they are handed out: those of a ring when the ones
 * before are empty. The rings are intrusive: a block's holders and its neighbours lie side by side,
 * and after the last block the rings' anchors, so every operation takes constant time, touches few
 * lines of the processor's cache and allocates nothing.
 */
final class BlockPool {
  private static final int WIDTH = 4;
  private static final int HOLDERS = 0;
  private static final int NEXT = 1;
  private static final int PREVIOUS = 2;
  private static final int STANDING = 3;

  /** Of a block that no sequence has passed, but all held it to their ends. */
  static final int NOT_PASSED = 0;

  private static final int PASSED_BY = -1;

  /** What a block is good for that nobody holds any more. */
  enum Worth {
    /** Nothing: it is the first to be handed out. */
    NOTHING,
    /** A sequence has passed it: it is found by who parts from that there, and by nobody else. */
    PASSED,
    /** So it has, but sequences part there, and it is kept as what may be found again. */
    PARTED_FROM,
    /** It may be found again: it is handed out after all that were let go of before. */
    FOUND_AGAIN,
    /** Somebody will come back for it: it is handed out after all others. */
    EXPECTED
  }

  private final int[] books;
  private final int passed;
  private final int findable;
  private final int expected;
  private int free;
  private int tickets;

  BlockPool(int blocks) {
    books = new int[WIDTH * (blocks + 3)];
    passed = blocks;
    findable = blocks + 1;
    expected = blocks + 2;
    makeRing(passed);
    makeRing(findable);
    makeRing(expected);
    for (int block = 0; block < blocks; block++) {
      linkBefore(passed, block);
    }
  }

  private void makeRing(int around) {
    next(around, around);
    previous(around, around);
  }

  int blocks() {
    return passed;
  }

  int free() {
    return free;
  }

  /** Hands out the first free block; the caller knows that there is one. */
  int take() {
    int block =
        switch (worthOfNext()) {
          case NOTHING, PASSED -> next(passed);
          case PARTED_FROM, FOUND_AGAIN -> next(findable);
          case EXPECTED -> next(expected);
        };
    share(block);
    books[WIDTH * block + STANDING] = NOT_PASSED;
    return block;
  }

  /** What the block is good for that would be handed out now, if it is published. */
  Worth worthOfNext() {
    if (next(passed) != passed) {
      return Worth.PASSED;
    }
    return next(findable) == findable ? Worth.EXPECTED : Worth.FOUND_AGAIN;
  }

  /** Whether nobody holds a block. */
  boolean isFree(int block) {
    return books[WIDTH * block + HOLDERS] == 0;
  }

  /** Adds a holder to a block, free or not. */
  void share(int block) {
    if (books[WIDTH * block + HOLDERS]++ == 0) {
      unlink(block);
    }
  }

  /** Takes a holder from a block. When it was the last, the block is free, and of some worth. */
  void release(int block, Worth worth) {
    if (--books[WIDTH * block + HOLDERS] == 0) {
      boolean isPassed = worth == Worth.PASSED || worth == Worth.PARTED_FROM;
      books[WIDTH * block + STANDING] = isPassed ? PASSED_BY : NOT_PASSED;
      linkBefore(
          switch (worth) {
            case NOTHING -> next(passed);
            case PASSED -> passed;
            case PARTED_FROM, FOUND_AGAIN -> findable;
            case EXPECTED -> expected;
          },
          block);
    }
  }

  /**
   * Takes a holder from a block which may be of less worth soon. When it was the last, the block is
   * free and may be found again, and there is a ticket.
   */
  int releaseForNow(int block) {
    release(block, Worth.FOUND_AGAIN);
    if (isFree(block)) {
      books[WIDTH * block + STANDING] = ++tickets;
      return tickets;
    }
    return NOT_PASSED;
  }

  /**
   * Whether a sequence has passed a block since it was handed out, and nobody held it to its end.
   */
  boolean isPassed(int block) {
    return books[WIDTH * block + STANDING] != NOT_PASSED;
  }

  /** Says what a block is worth, unless somebody has come for it since the ticket was given. */
  void grade(int block, int ticket, Worth worth) {
    if (isFree(block) && books[WIDTH * block + STANDING] == ticket) {
      share(block);
      release(block, worth);
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

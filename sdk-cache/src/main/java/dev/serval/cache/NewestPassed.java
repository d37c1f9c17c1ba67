package dev.serval.cache;

import dev.serval.cache.BlockPool.Worth;

/**
 * The block of each group that a sequence let go of last behind a window. Who comes back with a
 * longer conversation goes on from the sequence's last full block, where a query may see one block
 * more than the sequence's own last one did, and always does of a state. So it is kept as what the
 * sequence holds, until the sequence passes another.
 */
final class NewestPassed {
  private final BlockPool pool;
  private final PrefixIndex index;
  private final int[] blocks;
  private final int[] tickets;

  NewestPassed(BlockPool pool, PrefixIndex index, int groups) {
    this.pool = pool;
    this.index = index;
    blocks = new int[groups];
    tickets = new int[groups];
  }

  /** Lets go of a group's block in place of the one before. */
  void pass(int group, int block) {
    grade(group, Worth.PASSED);
    if (index.isPublished(block)) {
      blocks[group] = block;
      tickets[group] = pool.releaseForNow(block);
    } else {
      pool.release(block, Worth.NOTHING);
    }
  }

  /** The sequence passes no more: what they are worth from now on. */
  void grade(Worth worth) {
    for (int group = blocks.length - 1; group >= 0; group--) {
      grade(group, worth);
    }
  }

  private void grade(int group, Worth worth) {
    if (tickets[group] != BlockPool.NOT_PASSED && index.isPublished(blocks[group])) {
      pool.grade(blocks[group], tickets[group], worth);
    }
    tickets[group] = BlockPool.NOT_PASSED;
  }
}

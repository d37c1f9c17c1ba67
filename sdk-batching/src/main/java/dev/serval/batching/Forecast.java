package dev.serval.batching;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvDemand;
import java.util.Arrays;
import java.util.BitSet;

/**
 * How many blocks will be held at once, if one more begins and nobody after it, as answers grow and
 * end. Belongs to the engine's thread.
 */
final class Forecast {
  /*
   * From step to step each answer grows by a token until it ends, and with it go the blocks that
   * nobody else holds. So the number of blocks can only be largest just before one of them ends:
   *
   *   blocks(t) = those that stay + Σ over answers that last until t of (own + growth until t)
   *
   * An answer's growth counts as even until its end: where layers have a window it is not, since those
   * take no more blocks once that is full.
   *
   * Those that would give way to the one that begins, for they are paused or of a lower class, count
   * as gone. A last block is half full on average.
   */
  private static final long INDEX = 0xffff_ffffL;

  private final KvDemand demand;
  private final AnswerShares shares;
  private final BitSet held;
  private final BitSet shared;
  private long[] ends;
  private int[] tokens;
  private int[] sharedBlocks;
  private int count;
  private boolean sharing;

  Forecast(int totalBlocks, KvDemand demand, int sequences, AnswerShares shares) {
    this.demand = demand;
    this.shares = shares;
    held = new BitSet(totalBlocks);
    shared = new BitSet(totalBlocks);
    ends = new long[sequences + 1];
    tokens = new int[sequences + 1];
    sharedBlocks = new int[sequences + 1];
  }

  /**
   * The most blocks, those included that {@code next} has found and those it still lacks.
   *
   * @param blocksHeld how many are held now, each counted once
   */
  int mostBlocks(Holders holders, Sequence next, int blocksHeld) {
    tellShared(holders, next, blocksHeld);
    list(holders, next);
    Arrays.sort(ends, 0, count);
    return shared.cardinality() + mostOwn();
  }

  private void tellShared(Holders holders, Sequence next, int blocksHeld) {
    shared.clear();
    int listed = table(next).held();
    for (int i = 0; i < holders.size(); i++) {
      listed += holders.table(holders.place(i)).held();
    }
    sharing = listed > blocksHeld;
    if (!sharing) {
      return;
    }
    held.clear();
    for (int i = 0; i < holders.size(); i++) {
      mark(holders.table(holders.place(i)));
    }
    mark(table(next));
  }

  private void mark(BlockTable table) {
    for (int i = 0; i < table.size(); i++) {
      int block = table.block(i);
      if (block != BlockTable.NONE) {
        (held.get(block) ? shared : held).set(block);
      }
    }
  }

  private static BlockTable table(Sequence sequence) {
    return sequence.heldBlocks() == 0 ? BlockTable.EMPTY : sequence.kv().blocks();
  }

  private void list(Holders holders, Sequence next) {
    count = 0;
    makeRoom(holders.size() + 1);
    for (int i = 0; i < holders.size(); i++) {
      if (holders.standsAgainst(holders.place(i), next.rank())) {
        add(holders.at(i));
      }
    }
    add(next);
  }

  private void makeRoom(int sequences) {
    if (ends.length < sequences) {
      ends = new long[2 * sequences];
      tokens = new int[2 * sequences];
      sharedBlocks = new int[2 * sequences];
    }
  }

  private void add(Sequence sequence) {
    int generated = sequence.generated();
    int allowed = generated + sequence.remainingTokens();
    long ahead = shares.known() ? shares.ahead(generated, allowed, sequence.arrival()) : 0;
    ends[count] = ahead << 32 | count;
    tokens[count] = sequence.totalTokens();
    sharedBlocks[count] = sharing ? shared(table(sequence)) : 0;
    count++;
  }

  private int shared(BlockTable table) {
    int blocks = 0;
    for (int i = 0; i < table.size(); i++) {
      int block = table.block(i);
      blocks += block != BlockTable.NONE && shared.get(block) ? 1 : 0;
    }
    return blocks;
  }

  /** The blocks that nobody shares, when they are the most: the last to end comes first. */
  private int mostOwn() {
    double most = 0;
    double blocks = 0;
    double growth = 0;
    for (int i = count - 1; i >= 0; i--) {
      int number = (int) (ends[i] & INDEX);
      double until = (int) (ends[i] >>> 32);
      double own = demand.mean(tokens[number]);
      blocks += own - sharedBlocks[number];
      growth += (demand.mean(tokens[number] + until) - own) / Math.max(until, 1);
      most = Math.max(most, blocks + growth * until);
    }
    return (int) Math.ceil(most);
  }
}

package dev.serval.cache;

import dev.serval.api.compute.AttentionWindow;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/** A KV cache written for reading: whole prefixes as keys, and no concern for time or memory. */
final class ReferenceCache {
  static final int NONE = -1;

  private final Deque<Integer> passed = new ArrayDeque<>();
  private final Deque<Integer> free = new ArrayDeque<>();
  private final Deque<Integer> suspended = new ArrayDeque<>();
  final Map<String, Integer> published = new HashMap<>();
  private final Map<Integer, Integer> holders = new HashMap<>();

  private record Passer(Sequence sequence, int group) {}

  /** Who passed a block last and nothing since, while nobody else has come for it. */
  private final Map<Integer, Passer> newest = new HashMap<>();

  /** Blocks that a sequence has passed which nobody held to its end since. */
  private final Set<Integer> passedBy = new HashSet<>();

  private final List<Sequence> open = new ArrayList<>();
  private final int blockTokens;
  private final List<AttentionWindow> groups;
  private final int stepTokens;

  ReferenceCache(int blocks, int blockTokens, List<AttentionWindow> groups, int stepTokens) {
    this.blockTokens = blockTokens;
    this.groups = groups;
    this.stepTokens = stepTokens;
    for (int block = 0; block < blocks; block++) {
      passed.add(block);
    }
  }

  int freeBlocks() {
    return passed.size() + free.size() + suspended.size();
  }

  Sequence open(String scope) {
    Sequence sequence = new Sequence(scope);
    open.add(sequence);
    return sequence;
  }

  void clear() {
    published.clear();
    open.forEach(sequence -> sequence.tainted = !sequence.table.isEmpty());
  }

  private boolean isWindowed(int group) {
    return !groups.get(group).equals(AttentionWindow.NONE);
  }

  private Integer take() {
    Deque<Integer> ring = !passed.isEmpty() ? passed : free.isEmpty() ? suspended : free;
    Integer block = ring.removeFirst();
    passedBy.remove(block);
    published.values().remove(block);
    hold(block);
    return block;
  }

  private void hold(Integer block) {
    passed.remove(block);
    free.remove(block);
    suspended.remove(block);
    newest.remove(block);
    holders.merge(block, 1, Integer::sum);
  }

  private void letGo(int block, Deque<Integer> ifPublished, boolean passes) {
    if (block != NONE && holders.merge(block, -1, Integer::sum) == 0) {
      passedBy.remove(block);
      if (passes && published.containsValue(block)) {
        passedBy.add(block);
      }
      if (published.containsValue(block)) {
        ifPublished.addLast(block);
      } else {
        passed.addFirst(block);
      }
    }
  }

  final class Sequence {
    /** Of each block of tokens that of each group. */
    final List<int[]> table = new ArrayList<>();

    private final String scope;
    private final int[] last;
    private int full;
    private int found;
    private boolean parted;
    private int computed;
    private int reserved;
    private boolean tainted;

    private Sequence(String scope) {
      this.scope = scope;
      last = new int[groups.size()];
      Arrays.fill(last, NONE);
    }

    int reuse(int[] tokens, int limit) {
      int blocks = limit / blockTokens;
      while (blocks > 0 && !takeUp(tokens, blocks)) {
        blocks--;
      }
      parted = blocks > 0 && hasParted();
      table.forEach(row -> Arrays.stream(row).filter(b -> b != NONE).forEach(b -> hold(b)));
      full = blocks;
      found = blocks;
      computed = blocks * blockTokens;
      reserved = computed;
      return computed;
    }

    private boolean takeUp(int[] tokens, int blocks) {
      for (int block = 0; block < blocks; block++) {
        int[] row = new int[groups.size()];
        for (int group = 0; group < row.length; group++) {
          boolean needed = seen(group, blocks * blockTokens) <= block;
          Integer found = published.get(key(tokens, block + 1, group));
          if (needed && found == null) {
            table.clear();
            return false;
          }
          row[group] = needed ? found : NONE;
        }
        table.add(row);
      }
      return true;
    }

    private boolean hasParted() {
      return table.stream()
          .anyMatch(row ->
              IntStream.range(0, row.length)
                  .anyMatch(group -> isWindowed(group) && passedBy.contains(row[group])));
    }

    /** The first block that a query sees. */
    private int seen(int group, int position) {
      return groups.get(group).firstSeen(position) / blockTokens;
    }

    boolean reserve(int tokens) {
      int blocks = Math.ceilDiv(tokens, blockTokens);
      int missing = 0;
      for (int group = 0; group < groups.size(); group++) {
        int has = isWindowed(group) ? near() : table.size();
        int needs = isWindowed(group) ? Math.min(blocks, reached()) : blocks;
        missing += Math.max(0, needs - has);
      }
      if (missing > freeBlocks()) {
        return false;
      }
      reserved = Math.max(reserved, tokens);
      while (table.size() < blocks) {
        int[] row = new int[groups.size()];
        for (int group = 0; group < row.length; group++) {
          row[group] = isWindowed(group) ? NONE : take();
        }
        table.add(row);
      }
      moveOn(Math.min(blocks, reached()));
      return true;
    }

    private int reached() {
      return Math.ceilDiv(computed + stepTokens, blockTokens);
    }

    /** Up to which block all groups have theirs. */
    int near() {
      int near = computed / blockTokens;
      while (near < table.size() && hasAll(near)) {
        near++;
      }
      return near;
    }

    private boolean hasAll(int block) {
      for (int group = 0; group < groups.size(); group++) {
        boolean needed = !isWindowed(group) || block >= seen(group, computed);
        if (needed && table.get(block)[group] == NONE) {
          return false;
        }
      }
      return true;
    }

    private void moveOn(int upTo) {
      long windowed =
          IntStream.range(0, groups.size()).filter(ReferenceCache.this::isWindowed).count();
      for (int near = near(); near < upTo && freeBlocks() >= windowed; near++) {
        for (int group = 0; group < groups.size(); group++) {
          if (isWindowed(group)) {
            table.get(near)[group] = take();
          }
        }
      }
    }

    void commit(int[] tokens, int count) {
      computed = count;
      while (!tainted && (full + 1) * blockTokens <= count) {
        for (int group = 0; group < groups.size(); group++) {
          published.putIfAbsent(key(tokens, full + 1, group), table.get(full)[group]);
        }
        full++;
      }
      for (int group = 0; group < groups.size(); group++) {
        for (int block = 0; block < Math.min(seen(group, count), table.size()); block++) {
          if (table.get(block)[group] != NONE) {
            pass(group, block);
          }
        }
      }
      moveOn(Math.min(Math.ceilDiv(reserved, blockTokens), reached()));
    }

    private void pass(int group, int block) {
      int number = table.get(block)[group];
      table.get(block)[group] = NONE;
      boolean own = block >= found || !parted;
      if (own) {
        regrade(group, passed, true);
      }
      ReferenceCache.this.letGo(number, free, true);
      if (own && free.contains(number)) {
        newest.put(number, new Passer(this, group));
        last[group] = number;
      }
    }

    /** Of the block of a group that it passed last. */
    private void regrade(int group, Deque<Integer> ring, boolean passes) {
      if (last[group] != NONE
          && new Passer(this, group).equals(newest.get(last[group]))
          && published.containsValue(last[group])) {
        hold(last[group]);
        ReferenceCache.this.letGo(last[group], ring, passes);
      }
      last[group] = NONE;
    }

    void release() {
      letGo(free);
    }

    void suspend() {
      letGo(suspended);
    }

    private void letGo(Deque<Integer> ifPublished) {
      for (int group = groups.size() - 1; group >= 0; group--) {
        regrade(group, ifPublished, false);
      }
      for (int[] row : table.reversed()) {
        for (int group = row.length - 1; group >= 0; group--) {
          ReferenceCache.this.letGo(row[group], ifPublished, false);
        }
      }
      table.clear();
      full = 0;
      found = 0;
      parted = false;
      computed = 0;
      reserved = 0;
      tainted = false;
    }

    private String key(int[] tokens, int blocks, int group) {
      return scope + group + Arrays.toString(Arrays.copyOf(tokens, blocks * blockTokens));
    }
  }
}

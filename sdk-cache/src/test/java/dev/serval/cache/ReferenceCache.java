package dev.serval.cache;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A KV cache written for reading: whole prefixes as keys, and no concern for time or memory. */
final class ReferenceCache {
  private final Deque<Integer> free = new ArrayDeque<>();
  private final Deque<Integer> suspended = new ArrayDeque<>();
  final Map<String, Integer> published = new HashMap<>();
  private final Map<Integer, Integer> holders = new HashMap<>();
  private final List<Sequence> open = new ArrayList<>();
  private final int blockTokens;

  ReferenceCache(int blocks, int blockTokens) {
    this.blockTokens = blockTokens;
    for (int block = 0; block < blocks; block++) {
      free.add(block);
    }
  }

  int freeBlocks() {
    return free.size() + suspended.size();
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

  final class Sequence {
    final List<Integer> table = new ArrayList<>();
    private final String scope;
    private int full;
    private boolean tainted;

    private Sequence(String scope) {
      this.scope = scope;
    }

    int reuse(int[] tokens, int limit) {
      int found = 0;
      while (found + blockTokens <= limit) {
        Integer block = published.get(key(tokens, found + blockTokens));
        if (block == null) {
          break;
        }
        free.remove(block);
        suspended.remove(block);
        hold(block);
        found += blockTokens;
        full++;
      }
      return found;
    }

    boolean reserve(int tokens) {
      int missing = (tokens + blockTokens - 1) / blockTokens - table.size();
      if (missing > freeBlocks()) {
        return false;
      }
      for (int i = 0; i < missing; i++) {
        Integer block = free.isEmpty() ? suspended.removeFirst() : free.removeFirst();
        published.values().remove(block);
        hold(block);
      }
      return true;
    }

    void commit(int[] tokens, int computed) {
      while (!tainted && (full + 1) * blockTokens <= computed) {
        published.putIfAbsent(key(tokens, (full + 1) * blockTokens), table.get(full));
        full++;
      }
    }

    void release() {
      letGo(free);
    }

    void suspend() {
      letGo(suspended);
    }

    private void letGo(Deque<Integer> ifPublished) {
      for (Integer block : table.reversed()) {
        if (holders.merge(block, -1, Integer::sum) == 0) {
          if (published.containsValue(block)) {
            ifPublished.addLast(block);
          } else {
            free.addFirst(block);
          }
        }
      }
      table.clear();
      full = 0;
      tainted = false;
    }

    private void hold(Integer block) {
      holders.merge(block, 1, Integer::sum);
      table.add(block);
    }

    private String key(int[] tokens, int end) {
      return scope + Arrays.toString(Arrays.copyOf(tokens, end));
    }
  }
}

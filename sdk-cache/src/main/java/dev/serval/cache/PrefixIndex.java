package dev.serval.cache;

import dev.serval.api.cache.KvKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds the block that is published under a key. A block has one key at most and a key one block,
 * so the hash table is intrusive too: chains of blocks, with each block's key and the key's hash
 * beside it. A key is a SHA-256, so its hash is even and nobody can aim at one chain.
 */
final class PrefixIndex {
  static final int NONE = -1;

  private final @Nullable KvKey[] keys;
  private final int[] hashes;
  private final int[] chain;
  private final int[] buckets;
  private int size;

  PrefixIndex(int blocks) {
    keys = new KvKey[blocks];
    hashes = new int[blocks];
    chain = new int[blocks];
    buckets = new int[Integer.highestOneBit(Math.max(blocks, 1)) * 2];
    Arrays.fill(buckets, NONE);
  }

  int size() {
    return size;
  }

  boolean isPublished(int block) {
    return keys[block] != null;
  }

  /** What a block is published under; null if it is not. */
  @Nullable KvKey key(int block) {
    return keys[block];
  }

  /** The block published under this key, or {@link #NONE}. */
  int find(KvKey key) {
    int hash = key.hashCode();
    int block = buckets[bucket(hash)];
    while (block != NONE && !(hashes[block] == hash && key.equals(keys[block]))) {
      block = chain[block];
    }
    return block;
  }

  /** Publishes a block that is not published, unless another one is published under this key. */
  void publish(KvKey key, int block) {
    if (find(key) == NONE) {
      int bucket = bucket(key.hashCode());
      keys[block] = key;
      hashes[block] = key.hashCode();
      chain[block] = buckets[bucket];
      buckets[bucket] = block;
      size++;
    }
  }

  /** Withdraws a block, and says whether it was published. */
  boolean withdraw(int block) {
    if (keys[block] == null) {
      return false;
    }
    int bucket = bucket(hashes[block]);
    if (buckets[bucket] == block) {
      buckets[bucket] = chain[block];
    } else {
      chain[before(block, buckets[bucket])] = chain[block];
    }
    keys[block] = null;
    size--;
    return true;
  }

  void clear() {
    Arrays.fill(keys, null);
    Arrays.fill(buckets, NONE);
    size = 0;
  }

  private int before(int block, int from) {
    int at = from;
    while (chain[at] != block) {
      at = chain[at];
    }
    return at;
  }

  private int bucket(int hash) {
    return hash & (buckets.length - 1);
  }
}

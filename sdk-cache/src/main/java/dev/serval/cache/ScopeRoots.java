package dev.serval.cache;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvKey;
import java.util.LinkedHashMap;
import java.util.function.Function;

/** Remembers the root keys of the scopes that were asked for last. */
final class ScopeRoots {
  private final int most;
  private final Function<IsolationScope, KvKey> derivation;
  private final LinkedHashMap<IsolationScope, KvKey> roots = new LinkedHashMap<>();

  ScopeRoots(int most, Function<IsolationScope, KvKey> derivation) {
    this.most = most;
    this.derivation = derivation;
  }

  KvKey of(IsolationScope scope) {
    KvKey known = roots.remove(scope);
    KvKey root = known == null ? derivation.apply(scope) : known;
    roots.putLast(scope, root);
    if (roots.size() > most) {
      roots.pollFirstEntry();
    }
    return root;
  }
}

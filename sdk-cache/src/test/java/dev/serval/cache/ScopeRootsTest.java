package dev.serval.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.cache.KvKey;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ScopeRootsTest {
  private static final KvLayout LAYOUT = new KvLayout(1, 1, 1, 4, DType.F32);

  private final List<String> derived = new ArrayList<>();
  private final ScopeRoots roots =
      new ScopeRoots(
          2,
          scope -> {
            derived.add(scope.name());
            return KvKey.root(
                ArtefactDigest.of(new byte[32]), LAYOUT, new NumericsId("test"), scope);
          });

  @Test
  void the_scope_asked_for_longest_ago_is_forgotten() {
    for (String name : List.of("a", "b", "a", "c", "a", "b")) {
      roots.of(IsolationScope.of(name));
    }
    assertThat(derived).containsExactly("a", "b", "c", "b");
  }

  @Test
  void a_forgotten_scope_gets_the_same_root_again() {
    KvKey first = roots.of(IsolationScope.of("a"));
    roots.of(IsolationScope.of("b"));
    roots.of(IsolationScope.of("c"));
    assertThat(roots.of(IsolationScope.of("a"))).isEqualTo(first);
  }
}

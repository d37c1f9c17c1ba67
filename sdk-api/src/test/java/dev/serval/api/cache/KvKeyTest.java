package dev.serval.api.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.IsolationScope;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class KvKeyTest {
  private static final ArtefactDigest ARTEFACT = ArtefactDigest.of(new byte[32]);
  private static final KvLayout LAYOUT = new KvLayout(2, 2, 8, 4, DType.BF16);
  private static final NumericsId NUMERICS = new NumericsId("test-1");
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 6, 7, 8};

  private final KvKey.Hasher hasher = new KvKey.Hasher(4);
  private final KvKey root = KvKey.root(ARTEFACT, LAYOUT, NUMERICS, IsolationScope.HOST);

  @Test
  void every_part_of_the_identity_makes_another_key() {
    byte[] otherBytes = new byte[32];
    otherBytes[31] = 1;
    Set<KvKey> roots =
        new HashSet<>(
            List.of(
                root,
                KvKey.root(ArtefactDigest.of(otherBytes), LAYOUT, NUMERICS, IsolationScope.HOST),
                KvKey.root(
                    ARTEFACT, new KvLayout(2, 2, 8, 4, DType.F32), NUMERICS, IsolationScope.HOST),
                KvKey.root(ARTEFACT, LAYOUT, new NumericsId("test-2"), IsolationScope.HOST),
                KvKey.root(ARTEFACT, LAYOUT, NUMERICS, IsolationScope.of("a")),
                KvKey.root(ARTEFACT, LAYOUT, NUMERICS, IsolationScope.shared("a"))));
    assertThat(roots).hasSize(6);
  }

  @Test
  void equal_tokens_under_equal_parents_have_equal_keys() {
    KvKey first = hasher.child(root, TOKENS, 0);
    assertThat(new KvKey.Hasher(4).child(root, new int[] {0, 1, 2, 3, 4}, 1))
        .isEqualTo(first)
        .hasSameHashCodeAs(first)
        .hasToString(first.toString());
  }

  @Test
  void groups_of_layers_have_keys_of_their_own_for_the_same_tokens() {
    KvKey first = hasher.child(root, TOKENS, 0);
    Set<KvKey> keys = new HashSet<>();
    IntStream.range(0, 20).forEach(group -> keys.add(first.ofGroup(group)));
    assertThat(keys).hasSize(20).contains(first);
    assertThat(first.ofGroup(0)).isSameAs(first);
    assertThat(first.ofGroup(7)).isEqualTo(first.ofGroup(7));
  }

  @Test
  void a_block_depends_on_all_tokens_before_it() {
    KvKey second = hasher.child(hasher.child(root, TOKENS, 0), TOKENS, 4);
    assertThat(hasher.child(root, TOKENS, 4)).isNotEqualTo(second);
    assertThat(hasher.child(hasher.child(root, TOKENS, 1), TOKENS, 4)).isNotEqualTo(second);
  }
}

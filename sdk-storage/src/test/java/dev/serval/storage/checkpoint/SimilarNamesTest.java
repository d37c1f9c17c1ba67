package dev.serval.storage.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

final class SimilarNamesTest {
  private static final SortedSet<String> NAMES =
      new TreeSet<>(
          List.of(
              "lm_head.weight",
              "model.embed_tokens.weight",
              "model.layers.0.self_attn.k_proj.weight",
              "model.layers.0.self_attn.q_proj.bias",
              "model.layers.0.self_attn.q_proj.weight",
              "model.layers.1.self_attn.q_proj.weight",
              "model.norm.weight"));

  @Test
  void the_nearest_come_first() {
    assertThat(SimilarNames.of("model.layers.2.self_attn.q_proj.weight", NAMES, 3))
        .containsExactly(
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.1.self_attn.q_proj.weight",
            "model.layers.0.self_attn.k_proj.weight");
    assertThat(SimilarNames.of("model.norm", NAMES, 1)).containsExactly("model.norm.weight");
    assertThat(SimilarNames.of("norm.weight", NAMES, 1)).containsExactly("model.norm.weight");
  }

  @Test
  void there_are_no_more_than_there_are() {
    assertThat(SimilarNames.of("x", new TreeSet<>(), 3)).isEmpty();
    assertThat(SimilarNames.of("x", new TreeSet<>(List.of("a")), 3)).containsExactly("a");
    assertThat(SimilarNames.of("", NAMES, 3)).hasSize(3);
  }

  @Test
  void giving_up_early_finds_what_comparing_to_the_end_finds(TestReporter reporter) {
    long seed = System.nanoTime();
    reporter.publishEntry("seed", Long.toString(seed));
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      SortedSet<String> names =
          IntStream.range(0, 20)
              .mapToObj(i -> word(random))
              .collect(Collectors.toCollection(TreeSet::new));
      String name = word(random);
      int least = names.stream().mapToInt(other -> distance(name, other)).min().orElseThrow();
      assertThat(distance(name, SimilarNames.of(name, names, 3).getFirst()))
          .as("seed %d", seed)
          .isEqualTo(least);
    }
  }

  private static String word(Random random) {
    return random
        .ints(random.nextInt(12), 'a', 'd')
        .mapToObj(Character::toString)
        .collect(Collectors.joining());
  }

  private static int distance(String a, String b) {
    if (a.isEmpty() || b.isEmpty()) {
      return a.length() + b.length();
    }
    int[][] table = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        table[i][j] =
            i == 0 || j == 0
                ? i + j
                : Math.min(
                    table[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1),
                    1 + Math.min(table[i - 1][j], table[i][j - 1]));
      }
    }
    return table[a.length()][b.length()];
  }
}

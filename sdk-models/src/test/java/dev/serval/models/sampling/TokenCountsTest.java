package dev.serval.models.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class TokenCountsTest {
  @Test
  void counts_as_a_map_does() {
    long seed = 99;
    Random random = new Random(seed);
    TokenCounts counts = new TokenCounts();
    Map<Integer, Integer> expected = new LinkedHashMap<>();
    for (int i = 0; i < 5000; i++) {
      int id = random.nextInt(1 << random.nextInt(1, 18));
      int times = random.nextInt(2);
      counts.add(id, times);
      expected.merge(id, times, Integer::sum);
    }
    Map<Integer, Integer> found = new LinkedHashMap<>();
    for (int i = 0; i < counts.size(); i++) {
      found.put(counts.id(i), counts.count(i));
    }
    assertThat(found).as("seed %d", seed).containsExactlyEntriesOf(expected);
  }
}

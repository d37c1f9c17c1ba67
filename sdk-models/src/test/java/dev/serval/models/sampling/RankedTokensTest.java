package dev.serval.models.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class RankedTokensTest {
  @Test
  void the_first_k_are_those_of_a_full_sort() {
    long seed = 7;
    Random random = new Random(seed);
    RankedTokens tokens = new RankedTokens();
    for (int round = 0; round < 400; round++) {
      int size = 1 + random.nextInt(500);
      int k = 1 + random.nextInt(size + 5);
      float[] row = row(random, size, round % 4);

      tokens.takeFirst(row, size, k);
      tokens.sort();

      assertThat(IntStream.range(0, tokens.count()).mapToObj(tokens::id))
          .as("seed %d round %d", seed, round)
          .containsExactlyElementsOf(
              HostTokenSamplerTest.ranked(row).subList(0, Math.min(k, size)));
    }
  }

  @Test
  void a_logit_comes_back_as_it_went_in() {
    float[] row = {
      -3.5f, Float.MIN_VALUE, -Float.MIN_VALUE, 1e30f, -1e30f, Float.NEGATIVE_INFINITY, 0f
    };
    RankedTokens tokens = new RankedTokens();
    tokens.takeFirst(row, row.length, row.length);
    tokens.sort();

    assertThat(IntStream.range(0, row.length).map(tokens::id)).containsExactly(3, 1, 6, 2, 0, 4, 5);
    for (int i = 0; i < row.length; i++) {
      assertThat(tokens.logit(i)).isEqualTo(row[tokens.id(i)]);
    }
  }

  private static float[] row(Random random, int size, int kind) {
    float[] row = new float[size];
    for (int i = 0; i < size; i++) {
      row[i] =
          switch (kind) {
            case 0 -> i;
            case 1 -> -i;
            case 2 -> random.nextInt(5);
            default -> (float) random.nextGaussian();
          };
    }
    return row;
  }
}

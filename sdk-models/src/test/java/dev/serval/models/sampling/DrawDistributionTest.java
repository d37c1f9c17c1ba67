package dev.serval.models.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Sampling;
import dev.serval.api.model.SampledToken;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Draws follow the distribution that the parameters lay down, computed here by sorting everything
 * in double precision.
 */
final class DrawDistributionTest {
  private static final int DRAWS = 20_000;

  @Test
  void temperature_alone() {
    follows(Sampling.builder(), 40, 1);
    follows(Sampling.builder().temperature(0.5), 40, 2);
    follows(Sampling.builder().temperature(2), 300, 3);
  }

  @Test
  void top_k() {
    follows(Sampling.builder().topK(1), 40, 4);
    follows(Sampling.builder().topK(7).temperature(1.5), 40, 5);
    follows(Sampling.builder().topK(39), 40, 6);
    follows(Sampling.builder().topK(40), 40, 7);
    follows(Sampling.builder().topK(4000), 40, 8);
  }

  @Test
  void top_p() {
    follows(Sampling.builder().topP(0.9), 100, 9);
    follows(Sampling.builder().topP(0.3), 100, 10);
    follows(Sampling.builder().topP(0.999).temperature(2), 100, 11);
    follows(Sampling.builder().topP(1e-9), 100, 12);
  }

  @Test
  void min_p() {
    follows(Sampling.builder().minP(0.1), 100, 13);
    follows(Sampling.builder().minP(1), 100, 14);
  }

  @Test
  void all_of_them_together() {
    follows(Sampling.builder().topK(20).topP(0.8).minP(0.01).temperature(1.3), 200, 15);
    follows(Sampling.builder().topP(0.95).minP(0.2).temperature(0.8), 200, 16);
    follows(Sampling.builder().topK(5).minP(0.3), 200, 17);
  }

  @Test
  void the_tokens_that_may_be_drawn_are_exactly_the_right_ones_for_many_parameters() {
    long seed = 20261123;
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      int vocabulary = 1 + random.nextInt(400);
      float[] row = random.nextBoolean() ? coarse(random, vocabulary) : spread(random, vocabulary);
      Sampling sampling =
          Sampling.builder()
              .temperature(0.1 + 1.9 * random.nextDouble())
              .topK(random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(vocabulary))
              .topP(random.nextInt(3) == 0 ? 1 : 1 - random.nextDouble())
              .minP(random.nextInt(3) == 0 ? 0 : random.nextDouble() * random.nextDouble())
              .build();
      double[] expected = distribution(sampling, row);
      int[] drawn = histogram(sampling, row, seed + round, 200);
      for (int id = 0; id < vocabulary; id++) {
        assertThat(drawn[id] > 0 && expected[id] == 0)
            .as("seed %d round %d: %s draws %d", seed, round, sampling, id)
            .isFalse();
      }
    }
  }

  private static void follows(Sampling.Builder parameters, int vocabulary, long seed) {
    Sampling sampling = parameters.build();
    float[] row = spread(new Random(seed), vocabulary);
    double[] expected = distribution(sampling, row);
    int[] drawn = histogram(sampling, row, seed, DRAWS);
    double chiSquare = 0;
    double rareExpected = 0;
    int rareDrawn = 0;
    int cells = 0;
    for (int id = 0; id < vocabulary; id++) {
      double mean = DRAWS * expected[id];
      assertThat(expected[id] > 0 || drawn[id] == 0).as("token %d is cut off", id).isTrue();
      if (mean < 8) {
        rareExpected += mean;
        rareDrawn += drawn[id];
      } else {
        chiSquare += (drawn[id] - mean) * (drawn[id] - mean) / mean;
        cells++;
      }
    }
    if (rareExpected > 0) {
      chiSquare += (rareDrawn - rareExpected) * (rareDrawn - rareExpected) / rareExpected;
      cells++;
    }
    int freedom = cells - 1;
    assertThat(chiSquare)
        .as("χ² of %s with %d degrees of freedom, seed %d", sampling, freedom, seed)
        .isLessThanOrEqualTo(freedom + 4 * Math.sqrt(2.0 * freedom) + 1e-9);
  }

  private static int[] histogram(Sampling sampling, float[] row, long seed, int draws) {
    var sampler = new HostTokenSampler(sampling, seed, new int[0], row.length, -1);
    SampledToken out = new SampledToken(0);
    int[] drawn = new int[row.length];
    for (int i = 0; i < draws; i++) {
      sampler.sample(new Rows(row), 0, out);
      drawn[out.id()]++;
    }
    return drawn;
  }

  private static double[] distribution(Sampling sampling, float[] row) {
    List<Integer> ranked = HostTokenSamplerTest.ranked(row);
    if (sampling.topK() > 0 && sampling.topK() < row.length) {
      ranked = ranked.subList(0, sampling.topK());
    }
    double best = row[ranked.getFirst()];
    double[] weights = new double[row.length];
    for (int id : ranked) {
      weights[id] = Math.exp((row[id] - best) / sampling.temperature());
    }
    double mass = java.util.Arrays.stream(weights).sum();
    double before = 0;
    for (int id : ranked) {
      double weight = weights[id];
      boolean out = before > 0 && before >= sampling.topP() * mass && sampling.topP() < 1;
      before += weight;
      if (out || weight < sampling.minP()) {
        weights[id] = 0;
      }
    }
    double kept = java.util.Arrays.stream(weights).sum();
    return java.util.Arrays.stream(weights).map(weight -> weight / kept).toArray();
  }

  private static float[] spread(Random random, int vocabulary) {
    return HostTokenSamplerTest.normal(random, vocabulary);
  }

  /** Few distinct values, so that ties meet every boundary. */
  private static float[] coarse(Random random, int vocabulary) {
    float[] row = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      row[i] = random.nextInt(6) / 2f - 1;
    }
    return row;
  }
}

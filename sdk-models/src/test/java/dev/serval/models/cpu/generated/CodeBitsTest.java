package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where the bits of codes are in the vectors of a group. */
final class CodeBitsTest {
  private static final long SEED = 20261130;
  private static final int QUADS = 8;

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 8})
  void codes_are_found_again_in_as_many_vectors_as_they_have_bits(int bits) {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 1000; trial++) {
      int[] codes = random.ints(QUADS).map(word -> word & 0x01010101 * ((1 << bits) - 1)).toArray();
      int[] words = new int[bits];
      for (int quad = 0; quad < QUADS; quad++) {
        CodeBits.put(codes[quad], CodeBits.of(bits, quad), words);
      }
      for (int quad = 0; quad < QUADS; quad++) {
        assertThat(CodeBits.codes(CodeBits.of(bits, quad), words))
            .as("%d bits, columns %d to %d, seed %d", bits, 4 * quad, 4 * quad + 3, SEED)
            .isEqualTo(codes[quad]);
      }
    }
  }
}

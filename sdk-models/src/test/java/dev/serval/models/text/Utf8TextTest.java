package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class Utf8TextTest {
  private static final int[] TELLING = {
    0x00, 'a', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
    0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF
  };

  @Test
  void any_bytes_become_what_the_native_library_makes_of_them_as_a_whole() {
    TokenizersLibrary library = NativeLibrary.open();
    long handle = library.createTokenizerFromString(SmallTokenizers.byteLevel());
    long seed = 17;
    Random random = new Random(seed);
    for (int round = 0; round < 10_000; round++) {
      long[] bytes =
          random.ints(random.nextInt(10), 0, TELLING.length).mapToLong(i -> TELLING[i]).toArray();
      Utf8Text text = new Utf8Text(false);
      StringBuilder shown = new StringBuilder();
      for (long octet : bytes) {
        text.add((int) octet);
        shown.append(text.take());
      }
      text.breakOff();
      assertThat(shown.append(text.take()).toString())
          .as("seed %d round %d %s", seed, round, Arrays.toString(bytes))
          .isEqualTo(library.decode(handle, bytes, false));
    }
    library.deleteTokenizer(handle);
  }
}

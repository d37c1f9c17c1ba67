package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import dev.serval.testkit.TokenizerContract;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class SentencePieceTokenizerTest extends TokenizerContract {
  @Override
  protected Tokenizer tokenizer() {
    return open();
  }

  @Test
  void the_leading_space_is_the_tokenizers_own_and_stripped_once() {
    try (Tokenizer tokenizer = open()) {
      int[] ids = tokenizer.encode("the the", false);
      assertThat(ids).hasSize(2);
      assertThat(tokenizer.text(ids[0])).as("alone, it is out of the middle").isEqualTo(" the");
      TokenDecoder decoder = tokenizer.decoder();
      assertThat(decoder.next(ids[0])).isEqualTo("the");
      assertThat(decoder.next(ids[1])).isEqualTo(" the");
    }
  }

  @Test
  void a_beginning_of_sequence_is_added_when_asked_for() {
    try (Tokenizer tokenizer = open()) {
      assertThat(tokenizer.encode("a", true)).startsWith(1);
      assertThat(tokenizer.encode("a", false)).doesNotContain(1);
      assertThat(tokenizer.encode("<s>a", false)).startsWith(1);
    }
  }

  @Test
  void decoding_is_that_of_the_native_library_for_tokens_that_spell_a_text() {
    TokenizersLibrary library = NativeLibrary.open();
    long handle = library.createTokenizerFromString(SmallTokenizers.sentencePiece());
    long seed = 5;
    Random random = new Random(seed);
    try (Tokenizer tokenizer = open()) {
      for (int round = 0; round < 2000; round++) {
        String text = text(random);
        int[] ids =
            IntStream.concat(
                    Arrays.stream(tokenizer.encode(text, true)),
                    random.ints(random.nextInt(6), 3 + 256, tokenizer.vocabulary()))
                .toArray();
        boolean skip = random.nextBoolean();
        assertThat(tokenizer.decode(Arrays.stream(ids).boxed().toList(), skip))
            .as("seed %d round %d %s", seed, round, text)
            .isEqualTo(library.decode(handle, Arrays.stream(ids).asLongStream().toArray(), skip));
      }
    } finally {
      library.deleteTokenizer(handle);
    }
  }

  @Test
  void bytes_become_characters_as_soon_as_they_can() {
    try (Tokenizer tokenizer = open()) {
      TokenDecoder decoder = tokenizer.decoder();
      int first = tokenizer.encode("<0x00>", false).length;
      assertThat(first).as("bytes cannot be spelt out").isGreaterThan(1);
      assertThat(decoder.next(3 + 0xE2)).isEmpty();
      assertThat(decoder.next(3 + 0x82)).isEmpty();
      assertThat(decoder.next(3 + 0xAC)).isEqualTo("€");
      assertThat(decoder.next(3 + 0xE2)).isEmpty();
      assertThat(decoder.next(3 + 0x82)).isEmpty();
      assertThat(decoder.next(3 + 'a')).isEqualTo("\uFFFD\uFFFDa");
      assertThat(decoder.next(3 + 0xC3)).isEmpty();
      assertThat(decoder.finish()).isEqualTo("\uFFFD");
      assertThat(tokenizer.decode(List.of(3 + 0xC3, 3 + 0xA4), true)).isEqualTo("ä");
    }
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(20); i > 0; i--) {
      text.append(
          switch (random.nextInt(4)) {
            case 0 -> "the ";
            case 1 -> " ";
            case 2 -> Character.toString(0x4E00 + random.nextInt(500));
            default -> Character.toString('a' + random.nextInt(26));
          });
    }
    return text.toString();
  }

  private static Tokenizer open() {
    return new HuggingFaceTextCodecReader()
        .read(TextCheckpoint.of("tokenizer.json", SmallTokenizers.sentencePiece()))
        .tokenizer();
  }
}

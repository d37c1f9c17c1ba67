package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.serval.api.model.Tokenizer;
import dev.serval.testkit.TokenizerContract;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ByteLevelTokenizerTest extends TokenizerContract {
  @Override
  protected Tokenizer tokenizer() {
    return open();
  }

  @Test
  void decoding_is_that_of_the_native_library_for_any_tokens() {
    TokenizersLibrary library = NativeLibrary.open();
    long handle = library.createTokenizerFromString(SmallTokenizers.byteLevel());
    long seed = 3;
    Random random = new Random(seed);
    try (Tokenizer tokenizer = open()) {
      for (int round = 0; round < 3000; round++) {
        int[] ids = random.ints(random.nextInt(12), 0, tokenizer.vocabulary()).toArray();
        boolean skip = random.nextBoolean();
        assertThat(tokenizer.decode(Arrays.stream(ids).boxed().toList(), skip))
            .as("seed %d round %d %s", seed, round, Arrays.toString(ids))
            .isEqualTo(library.decode(handle, Arrays.stream(ids).asLongStream().toArray(), skip));
      }
    } finally {
      library.deleteTokenizer(handle);
    }
  }

  @Test
  void a_part_of_a_character_shows_as_such_when_it_stands_alone() {
    try (Tokenizer tokenizer = open()) {
      assertThat(tokenizer.text(0xC3)).isEqualTo("\uFFFD");
      assertThat(tokenizer.text('a')).isEqualTo("a");
      assertThat(tokenizer.decode(List.of(0xC3, 0xA4), true)).isEqualTo("ä");
    }
  }

  @Test
  void an_added_token_that_is_not_special_is_text() {
    try (Tokenizer tokenizer = open()) {
      int think = tokenizer.vocabulary() - 1;
      assertThat(tokenizer.encode("<think>a", false)).containsExactly(think, 'a');
      assertThat(tokenizer.special(think)).isFalse();
      assertThat(tokenizer.decode(List.of(think), true)).isEqualTo("<think>");
    }
  }

  @Test
  void merges_are_applied() {
    try (Tokenizer tokenizer = open()) {
      int the = tokenizer.encode(" the", false)[0];
      assertThat(tokenizer.encode(" the the", false)).containsExactly(the, the);
      assertThat(tokenizer.text(the)).isEqualTo(" the");
    }
  }

  private static Tokenizer open() {
    return new HuggingFaceTextCodecReader()
        .read(TextCheckpoint.of("tokenizer.json", SmallTokenizers.byteLevel()))
        .tokenizer();
  }
}

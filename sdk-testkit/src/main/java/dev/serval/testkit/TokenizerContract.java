package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every {@link Tokenizer} does that can spell any text at all. */
public abstract class TokenizerContract {
  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "a",
          "What is a heron?",
          "  two  spaces, and one at the end ",
          "line\nline\r\n\ttab",
          "Größe, naïve, Ελλάδα, приве́т, 東京都, ทดสอบ",
          "👩‍👩‍👧‍👦 🏳️‍🌈 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
          "a\u0000b\uFFFD\u200D");

  /** For the subclass. */
  protected TokenizerContract() {}

  /**
   * The tokenizer under test.
   *
   * @return a new one, which the test closes
   */
  protected abstract Tokenizer tokenizer();

  @Test
  void a_text_comes_back_as_it_went_in() {
    try (Tokenizer tokenizer = tokenizer()) {
      for (String text : TEXTS) {
        assertThat(tokenizer.decode(list(tokenizer.encode(text, false)), false)).isEqualTo(text);
      }
    }
  }

  @Test
  void ids_lie_within_the_vocabulary() {
    try (Tokenizer tokenizer = tokenizer()) {
      for (String text : TEXTS) {
        assertThat(list(tokenizer.encode(text, true)))
            .allSatisfy(id -> assertThat(id).isBetween(0, tokenizer.vocabulary() - 1));
      }
      assertThat(tokenizer.endOfSequence())
          .allSatisfy(id -> assertThat(id).isBetween(0, tokenizer.vocabulary() - 1));
    }
  }

  @Test
  void a_special_token_that_is_spelt_out_is_taken_as_such_and_gives_no_text() {
    try (Tokenizer tokenizer = tokenizer()) {
      for (int id : specialTokens(tokenizer)) {
        int[] ids = tokenizer.encode("a" + tokenizer.text(id) + "b", false);
        assertThat(ids).contains(id);
        assertThat(tokenizer.decode(List.of(id), true)).isEmpty();
        assertThat(tokenizer.decode(List.of(id), false)).isEqualTo(tokenizer.text(id));
        assertThat(tokenizer.decoder().next(id)).isEmpty();
      }
    }
  }

  @Test
  void decoding_token_by_token_gives_the_text_of_the_whole() {
    long seed = 20261123;
    Random random = new Random(seed);
    try (Tokenizer tokenizer = tokenizer()) {
      for (int round = 0; round < 2000; round++) {
        int[] ids = random.ints(random.nextInt(24), 0, tokenizer.vocabulary()).toArray();
        TokenDecoder decoder = tokenizer.decoder();
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
          String more = decoder.next(id);
          assertThat(wholeCharacters(more)).as("seed %d round %d", seed, round).isTrue();
          text.append(more);
        }
        assertThat(text.append(decoder.finish()).toString())
            .as("seed %d round %d: %s", seed, round, Arrays.toString(ids))
            .isEqualTo(tokenizer.decode(list(ids), true));
      }
    }
  }

  @Test
  void text_appears_as_soon_as_its_character_is_whole() {
    try (Tokenizer tokenizer = tokenizer()) {
      String text = "a 👩 b";
      TokenDecoder decoder = tokenizer.decoder();
      StringBuilder shown = new StringBuilder();
      for (int id : tokenizer.encode(text, false)) {
        shown.append(decoder.next(id));
        assertThat(text).startsWith(shown);
      }
      assertThat(shown.toString()).isEqualTo(text);
      assertThat(decoder.finish()).isEmpty();
    }
  }

  @Test
  void a_long_sequence_is_decoded_in_time_that_grows_with_its_length_alone() {
    try (Tokenizer tokenizer = tokenizer()) {
      int[] ids = new Random(1).ints(300_000, 0, tokenizer.vocabulary()).toArray();
      int last =
          IntStream.range(0, tokenizer.vocabulary())
              .filter(id -> broken(tokenizer, id))
              .findFirst()
              .orElse(0);
      Arrays.fill(ids, 100_000, ids.length, last);
      TokenDecoder decoder = tokenizer.decoder();
      long characters = Arrays.stream(ids).mapToLong(id -> decoder.next(id).length()).sum();
      assertThat(characters).isPositive();
    }
  }

  @Test
  void an_id_outside_the_vocabulary_is_refused_with_the_id() {
    try (Tokenizer tokenizer = tokenizer()) {
      int outside = Integer.MAX_VALUE;
      assertThatThrownBy(() -> tokenizer.decode(List.of(outside), true))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessageContaining(String.valueOf(outside));
      assertThatThrownBy(() -> tokenizer.decode(List.of(-1), true))
          .isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> tokenizer.text(outside)).isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> tokenizer.decoder().next(outside))
          .isInstanceOf(InvalidRequestException.class);
    }
  }

  @Test
  void half_of_a_character_is_refused() {
    try (Tokenizer tokenizer = tokenizer()) {
      for (String text : List.of("a\uD83D", "\uDE00b", "\uD83Dx", "\uD83D\uD83D\uDE00")) {
        assertThatThrownBy(() -> tokenizer.encode(text, false))
            .isInstanceOf(InvalidRequestException.class);
      }
    }
  }

  @Test
  void a_huge_text_is_encoded_whole() {
    try (Tokenizer tokenizer = tokenizer()) {
      String text = "The heron is a wading bird. ".repeat(10_000);
      int[] ids = tokenizer.encode(text, false);
      assertThat(tokenizer.decode(list(ids), false)).isEqualTo(text);
    }
  }

  @Test
  void many_threads_use_one_tokenizer() throws InterruptedException, ExecutionException {
    try (Tokenizer tokenizer = tokenizer();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Integer> expected = list(tokenizer.encode(TEXTS.get(6), false));
      List<Future<Boolean>> results = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        results.add(
            threads.submit(() -> list(tokenizer.encode(TEXTS.get(6), false)).equals(expected)));
      }
      for (Future<Boolean> result : results) {
        assertThat(result.get()).isTrue();
      }
    }
  }

  @Test
  void closing_again_does_nothing() {
    Tokenizer tokenizer = tokenizer();
    tokenizer.close();
    assertThatCode(tokenizer::close).doesNotThrowAnyException();
  }

  private static boolean broken(Tokenizer tokenizer, int id) {
    return tokenizer.text(id).endsWith("\uFFFD");
  }

  private static List<Integer> specialTokens(Tokenizer tokenizer) {
    return IntStream.range(0, tokenizer.vocabulary()).filter(tokenizer::special).boxed().toList();
  }

  private static boolean wholeCharacters(String text) {
    return text.codePoints().noneMatch(c -> c >= 0xD800 && c <= 0xDFFF);
  }

  private static List<Integer> list(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }
}

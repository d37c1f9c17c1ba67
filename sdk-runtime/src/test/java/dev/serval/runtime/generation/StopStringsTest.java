package dev.serval.runtime.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class StopStringsTest {
  @Test
  void without_stop_strings_every_piece_comes_at_once() {
    StopStrings.Scanner scanner = new StopStrings(List.of()).scanner();
    assertThat(scanner.next("any")).isEqualTo("any");
    assertThat(scanner.finish()).isEmpty();
    assertThat(scanner.stopped()).isFalse();
  }

  @Test
  void a_beginning_of_a_stop_string_is_held_back_until_it_is_certain() {
    StopStrings.Scanner scanner = new StopStrings(List.of("END")).scanner();
    assertThat(scanner.next("the E")).isEqualTo("the ");
    assertThat(scanner.next("N")).isEmpty();
    assertThat(scanner.next("T and EN")).isEqualTo("ENT and ");
    assertThat(scanner.finish()).isEqualTo("EN");
  }

  @Test
  void a_stop_string_over_several_pieces_ends_the_text_before_it() {
    StopStrings.Scanner scanner = new StopStrings(List.of("END")).scanner();
    assertThat(scanner.next("so E")).isEqualTo("so ");
    assertThat(scanner.next("N")).isEmpty();
    assertThat(scanner.next("D and more")).isEmpty();
    assertThat(scanner.stopped()).isTrue();
    assertThat(scanner.next("still more")).isEmpty();
    assertThat(scanner.finish()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "aab, aaab, a", // the match begins within a longer beginning
    "abab|bc, ababc, ''", // complete first
    "cd|bcd, abcd, a", // complete together: the longest
    "abcx|bc, abcd, a", // within another's beginning
    "x, abc, abc",
  })
  void the_match_that_is_complete_first_wins(String stops, String text, String expected) {
    assertThat(byPieces(List.of(stops.split("\\|", -1)), List.of(text))).isEqualTo(expected);
  }

  @Test
  void a_character_outside_the_basic_plane_is_never_cut() {
    StopStrings.Scanner scanner = new StopStrings(List.of("\uD83D\uDE00!")).scanner();
    assertThat(scanner.next("a\uD83D\uDE01")).isEqualTo("a\uD83D\uDE01");
    assertThat(scanner.next("b\uD83D\uDE00")).isEqualTo("b");
    assertThat(scanner.next("?")).isEqualTo("\uD83D\uDE00?");
  }

  @Test
  void what_comes_out_is_the_same_however_the_text_is_cut() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      String text = someText(random, 24);
      List<String> stops =
          random
              .ints(1 + random.nextInt(3), 1, 6)
              .mapToObj(length -> someText(random, length))
              .filter(stop -> !stop.isEmpty())
              .toList();
      assertThat(byPieces(stops, someCuts(random, text)))
          .as("seed %d: '%s' with stops %s", seed, text, stops)
          .isEqualTo(upToFirstComplete(stops, text));
    }
  }

  /** The definition: the shortest beginning that ends with a stop string, without the longest. */
  private static String upToFirstComplete(List<String> stops, String text) {
    for (int end = 0; end <= text.length(); end++) {
      String beginning = text.substring(0, end);
      int longest =
          stops.stream().filter(beginning::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return text.substring(0, end - longest);
      }
    }
    return text;
  }

  private static String byPieces(List<String> stops, List<String> pieces) {
    StopStrings.Scanner scanner = new StopStrings(stops).scanner();
    StringBuilder text = new StringBuilder();
    pieces.forEach(piece -> text.append(scanner.next(piece)));
    return text.append(scanner.finish()).toString();
  }

  private static List<String> someCuts(Random random, String text) {
    int cut = random.nextInt(text.length() + 1);
    int next = cut + random.nextInt(text.length() - cut + 1);
    return List.of(text.substring(0, cut), text.substring(cut, next), text.substring(next));
  }

  private static String someText(Random random, int length) {
    StringBuilder text = new StringBuilder();
    random.ints(length, 'a', 'd').forEach(c -> text.append((char) c));
    return text.toString();
  }
}

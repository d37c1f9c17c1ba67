package dev.serval.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class CodeBookTest {
  private static final Map<CodeBook, Set<Integer>> NUMBERS =
      Map.of(
          CodeBook.IQ1, Set.of(-1, 0, 1),
          CodeBook.IQ2_XXS, Set.of(8, 25, 43),
          CodeBook.IQ2_XS, Set.of(8, 25, 43),
          CodeBook.IQ2_S, Set.of(8, 25, 43),
          CodeBook.IQ3_XXS, Set.of(4, 12, 20, 28, 36, 44, 52, 62),
          CodeBook.IQ3_S, Set.of(1, 3, 5, 7, 9, 11, 13, 15));

  private static List<Integer> entry(CodeBook book, int entry) {
    return IntStream.range(0, book.length()).map(i -> book.number(entry, i)).boxed().toList();
  }

  @ParameterizedTest
  @EnumSource
  void no_entry_is_there_twice_and_all_numbers_of_a_book_are_used(CodeBook book) {
    assertThat(IntStream.range(0, book.entries()).mapToObj(entry -> entry(book, entry)))
        .doesNotHaveDuplicates();
    assertThat(
            IntStream.range(0, book.numbers().length)
                .mapToObj(i -> (int) book.numbers()[i])
                .collect(Collectors.toSet()))
        .isEqualTo(NUMBERS.get(book));
  }

  /** Each book's first and last entry, as the format's own source has them. */
  @Test
  void the_first_and_the_last_entry_are_those_of_the_format() {
    assertThat(entry(CodeBook.IQ1, 0)).containsOnly(-1);
    assertThat(entry(CodeBook.IQ1, 2047)).containsOnly(1);
    assertThat(entry(CodeBook.IQ2_XXS, 0)).containsOnly(8);
    assertThat(entry(CodeBook.IQ2_XXS, 255)).containsExactly(8, 25, 8, 8, 25, 43, 43, 43);
    assertThat(entry(CodeBook.IQ2_XS, 511)).containsOnly(43);
    assertThat(entry(CodeBook.IQ2_S, 1023)).containsOnly(43);
    assertThat(entry(CodeBook.IQ3_XXS, 255)).containsExactly(4, 28, 52, 62);
    assertThat(entry(CodeBook.IQ3_S, 511)).containsExactly(1, 1, 15, 15);
  }

  @Test
  void an_entry_that_is_not_there_is_refused() {
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> CodeBook.IQ3_S.number(512, 0));
  }

  @Test
  void who_changes_the_numbers_changes_a_copy() {
    Arrays.fill(CodeBook.IQ1.numbers(), (byte) 5);
    assertThat(CodeBook.IQ1.number(0, 0)).isEqualTo(-1);
  }
}

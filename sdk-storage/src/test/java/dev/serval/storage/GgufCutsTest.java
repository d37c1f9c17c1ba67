package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** How texts are cut up before pairs are merged, as files name it. */
final class GgufCutsTest extends GgufCase {
  @Test
  void a_mark_is_part_of_a_word_with_qwen35_and_not_with_qwen2() throws IOException {
    String text = "in \u0939\u093f\u0928 12, e\u0301a!\u0301\n x";
    assertThat(cut(text, "qwen35"))
        .containsExactly(
            "in", " \u0939\u093f\u0928", " ", "1", "2", ",", " e\u0301a", "!\u0301", "\n", " x");
    assertThat(cut(text, "qwen2"))
        .containsExactly(
            "in",
            " \u0939",
            "\u093f\u0928",
            " ",
            "1",
            "2",
            ",",
            " e",
            "\u0301a",
            "!\u0301\n",
            " x");
  }

  @Test
  void lfm2_and_granite_4_cut_digits_by_threes_and_the_first_has_whole_words() throws IOException {
    Map<String, Boolean> wholeWords = Map.of("lfm2", true, "dbrx", false);
    for (Map.Entry<String, Boolean> name : wholeWords.entrySet()) {
      assertThat(cut("it'S 12345 e\u0301 (a)\n\n x  y", name.getKey()))
          .containsExactly(
              "it", "'S", " ", "123", "45", " e", "\u0301", " (", "a", ")\n\n", " x", " ", " y");
      accepted(
          cutAs(name.getKey()),
          checkpoint ->
              assertThat(checkpoint.text("tokenizer.json").orElseThrow())
                  .contains("\"ignore_merges\":" + name.getValue()));
    }
  }

  @Test
  void deepseek_s_tokenizers_cut_what_earlier_patterns_left() throws IOException {
    String text = "Gr\u00fc\u00dfe 12345 don't \u4f60\u597d, x_y\n";
    assertThat(cut(text, "deepseek-v3"))
        .containsExactly(
            "Gr\u00fc\u00dfe",
            " ",
            "123",
            "45",
            " don",
            "'t",
            " ",
            "\u4f60\u597d",
            ",",
            " x",
            "_y",
            "\n");
    assertThat(cut(text, "deepseek-coder"))
        .containsExactly(
            "Gr\u00fc\u00dfe",
            " ",
            "1",
            "2",
            "3",
            "4",
            "5",
            " don",
            "'",
            "t",
            " ",
            "\u4f60\u597d",
            ",",
            " x",
            "_",
            "y",
            "\n");
    assertThat(cut(text, "deepseek-llm"))
        .containsExactly(
            "Gr",
            "\u00fc\u00df",
            "e",
            " ",
            "12345",
            " don",
            "'",
            "t",
            " ",
            "\u4f60\u597d",
            ",",
            " x",
            "_",
            "y",
            "\n");
  }

  @Test
  void jais_2_halves_runs_of_spaces() throws IOException {
    assertThat(cut("a" + " ".repeat(12) + "b 1234", "jais-2"))
        .containsExactly("a", " ".repeat(8), "  ", " ", " b", " ", "123", "4");
  }

  @Test
  void k_exaone_has_words_that_single_spaces_part_as_one() throws IOException {
    assertThat(cut("Some words,  more of\nthem 12", "exaone-moe"))
        .containsExactly("Some words", ",", " ", " more of", "\n", "them", " ", "1", "2");
  }

  @Test
  void trinity_groups_numerals_from_the_right() throws IOException {
    assertThat(cut("of 1234567 or 123", "afmoe"))
        .containsExactly("of", " ", "1", "234", "567", " or", " ", "123");
    assertThat(cut("a  12", "afmoe")).containsExactly("a", " ", " ", "12");
    assertThat(cut("ab\u4f60\u597dcd", "afmoe")).containsExactly("ab", "\u4f60\u597d", "cd");
  }

  @Test
  void kimi_k2_has_chinese_by_itself_and_contractions_with_their_words() throws IOException {
    assertThat(cut("don't ab\u4f60\u597dcd 1234\n", "kimi-k2"))
        .containsExactly("don't", " ab", "\u4f60\u597d", "cd", " ", "123", "4", "\n");
  }

  private static GgufWriter cutAs(String name) {
    return sound()
        .put("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", List.of("a"))
        .texts("tokenizer.ggml.merges", List.of())
        .put("tokenizer.ggml.pre", name)
        .put("tokenizer.ggml.bos_token_id", 0);
  }

  /** What the patterns of a cut make of a text, each of what those before it left. */
  private List<String> cut(String text, String name) throws IOException {
    List<String> pieces = new ArrayList<>(List.of(text));
    accepted(
        cutAs(name),
        checkpoint ->
            Pattern.compile("\"Regex\":\"((?:[^\"\\\\]|\\\\.)++)\"")
                .matcher(checkpoint.text("tokenizer.json").orElseThrow())
                .results()
                .map(found -> found.group(1).replace("\\\"", "\"").replace("\\\\", "\\"))
                .forEach(pattern -> {
                  List<String> before = List.copyOf(pieces);
                  pieces.clear();
                  before.forEach(piece -> cutOne(piece, Pattern.compile(pattern), pieces));
                }));
    return pieces;
  }

  private static void cutOne(String piece, Pattern pattern, List<String> pieces) {
    int behind = 0;
    for (MatchResult match : pattern.matcher(piece).results().toList()) {
      if (match.start() > behind) {
        pieces.add(piece.substring(behind, match.start()));
      }
      pieces.add(match.group());
      behind = match.end();
    }
    if (behind < piece.length()) {
      pieces.add(piece.substring(behind));
    }
  }
}

package dev.serval.storage.gguf;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How a text is cut up before pairs are merged, as {@code tokenizer.ggml.pre} names it. A cut is a
 * series of patterns: each takes apart what the one before left, into what it matches and what lies
 * between.
 */
enum PreTokenizer {
  /** Of files that do not say. */
  DEFAULT(
      Set.of("default"),
      false,
      List.of("[\\p{P}\\$\\+<=>\\^~\\|]+", Pattern.GPT2, "\\p{N}+", "[0-9][0-9][0-9]")),
  GPT2(
      Set.of(
          "gpt-2",
          "phi-2",
          "jina-es",
          "jina-de",
          "jina-v2-es",
          "jina-v2-de",
          "gigachat",
          "a.x-4.0",
          "mellum",
          "modern-bert",
          "mpt",
          "olmo",
          "jais",
          "trillion",
          "exaone4"),
      false,
      List.of(Pattern.GPT2)),
  LLAMA3(
      Set.of(
          "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
      true,
      List.of(Pattern.threeDigits())),
  THREE_DIGITS(
      Set.of("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), false, List.of(Pattern.threeDigits())),
  QWEN2(
      Set.of("qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan"),
      false,
      List.of(Pattern.oneDigit())),
  QWEN35(Set.of("qwen35"), false, List.of(Pattern.oneDigitAndMarks())),
  SEED_CODER(Set.of("seed-coder"), false, List.of(Pattern.oneDigitAndLines())),
  SMOLLM(
      Set.of("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"),
      false,
      List.of("\\p{N}", Pattern.GPT2)),
  TEKKEN(Set.of("tekken"), true, List.of(Pattern.TEKKEN)),
  GPT4O(Set.of("gpt-4o", "llama4", "kanana2", "minimax-m2"), false, List.of(Pattern.gpt4o()));

  /** The patterns, in Oniguruma's syntax. */
  private static final class Pattern {
    static final String GPT2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";

    static final String TEKKEN =
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+"
            + "|[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))+((?=[\\p{L}])([^A-Z]))*"
            + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** Words whose capitals come first, each with what an apostrophe leaves behind. */
    static String gpt4o() {
      String contracted = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?";
      return "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+"
          + contracted
          + "|[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))+((?=[\\p{L}])([^A-Z]))*"
          + contracted
          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }

    static String threeDigits() {
      return wordsAnd("\\p{L}", "\\p{N}{1,3}", "[\\r\\n]*");
    }

    static String oneDigit() {
      return wordsAnd("\\p{L}", "\\p{N}", "[\\r\\n]*");
    }

    /** What combines with letters, or stands for vowels, is part of a word. */
    static String oneDigitAndMarks() {
      return wordsAnd("\\p{L}\\p{M}", "\\p{N}", "[\\r\\n]*");
    }

    /** Ends of lines are never part of what comes before. */
    static String oneDigitAndLines() {
      return wordsAnd("\\p{L}", "\\p{N}", "");
    }

    private static String wordsAnd(String letters, String digits, String behindSigns) {
      return "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
          + "|[^\\r\\n\\p{L}\\p{N}]?["
          + letters
          + "]+|"
          + digits
          + "| ?[^\\s"
          + letters
          + "\\p{N}]+"
          + behindSigns
          + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }
  }

  private final Set<String> names;
  private final boolean wholeWords;
  private final List<String> patterns;

  PreTokenizer(Set<String> names, boolean wholeWords, List<String> patterns) {
    this.names = names;
    this.wholeWords = wholeWords;
    this.patterns = patterns;
  }

  static Optional<PreTokenizer> named(String name) {
    return Arrays.stream(values()).filter(one -> one.names.contains(name)).findFirst();
  }

  static String allNames() {
    return Arrays.stream(values())
        .flatMap(one -> one.names.stream())
        .collect(Collectors.toCollection(TreeSet::new))
        .stream()
        .collect(Collectors.joining(", "));
  }

  /**
   * Whether a word that the vocabulary has is taken as it is, whatever pairs would be merged. Those
   * vocabularies also begin a text with their first token, unless the file says otherwise.
   */
  boolean wholeWords() {
    return wholeWords;
  }

  /** The field {@code pre_tokenizer}. */
  Map<String, Object> json() {
    Stream<Map<String, Object>> cuts =
        patterns.stream()
            .map(pattern ->
                Map.of(
                    "type",
                    "Split",
                    "pattern",
                    Map.of("Regex", pattern),
                    "behavior",
                    "Isolated",
                    "invert",
                    false));
    Stream<Map<String, Object>> bytes =
        Stream.of(
            Map.of(
                "type", "ByteLevel",
                "add_prefix_space", false,
                "trim_offsets", true,
                "use_regex", false));
    return Map.of("type", "Sequence", "pretokenizers", Stream.concat(cuts, bytes).toList());
  }
}

package dev.serval.storage.gguf.tokenizer;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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
      List.of("[\\p{P}\\$\\+<=>\\^~\\|]+", Pattern.GPT2, "\\p{N}+", Pattern.THREE_NUMERALS)),
  FALCON(
      Set.of("falcon"),
      false,
      List.of("[\\p{P}\\$\\+<=>\\^~\\|`]+", Pattern.GPT2, Pattern.THREE_NUMERALS)),
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
      Set.of(
          "qwen2",
          "bailingmoe",
          "bailingmoe2",
          "deepseek-r1-qwen",
          "hunyuan",
          "kormo",
          "llada-moe",
          "megrez",
          "stablelm2"),
      false,
      List.of(Pattern.oneDigit())),
  QWEN35(Set.of("qwen35"), false, List.of(Pattern.oneDigitAndMarks())),
  JAIS2(Set.of("jais-2"), false, List.of(Pattern.threeDigitsAndHalvedSpaces())),
  EXAONE_MOE(Set.of("exaone-moe"), false, List.of(Pattern.phrases())),
  SEED_CODER(Set.of("seed-coder"), false, List.of(Pattern.oneDigitAndLines())),
  SMOLLM(
      Set.of(
          "smollm",
          "starcoder",
          "refact",
          "command-r",
          "codeshell",
          "exaone",
          "mellum2",
          "minerva-7b"),
      false,
      List.of("\\p{N}", Pattern.GPT2)),
  TEKKEN(Set.of("tekken"), true, List.of(Pattern.TEKKEN)),
  DEEPSEEK(
      Set.of("deepseek-llm"),
      false,
      List.of("[\\r\\n]", Pattern.cased(), Pattern.SIGNS, "\\s+$", Pattern.EASTERN, "\\p{N}+")),
  DEEPSEEK_CODER(
      Set.of("deepseek-coder"),
      false,
      List.of("[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", Pattern.EASTERN, "\\p{N}")),
  DEEPSEEK3(
      Set.of("deepseek-v3", "hunyuan-dense", "joyai-llm"),
      false,
      List.of(
          "\\p{N}{1,3}",
          "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
          Pattern.DEEPSEEK3)),
  TRINITY(
      Set.of("afmoe"),
      false,
      List.of(Pattern.NUMERALS_FROM_THE_RIGHT, Pattern.ASIAN, Pattern.DEEPSEEK3)),
  KIMI_K2(Set.of("kimi-k2"), false, List.of(Pattern.kimi())),
  GPT4O(Set.of("gpt-4o", "llama4", "kanana2", "minimax-m2"), false, List.of(Pattern.gpt4o()));

  /** The patterns, in Oniguruma's syntax. */
  private static final class Pattern {
    static final String GPT2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";

    static final String THREE_NUMERALS = "[0-9][0-9][0-9]";

    static final String TEKKEN =
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+"
            + "|[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))+((?=[\\p{L}])([^A-Z]))*"
            + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** Letters that have a case, as DeepSeek's first tokenizers list them. */
    private static final String CASED =
        "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"
            + "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}"
            + "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}"
            + "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}"
            + "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"
            + "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}"
            + "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}"
            + "\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}"
            + "\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}"
            + "\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}"
            + "\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}"
            + "\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}"
            + "\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}"
            + "\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}"
            + "\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}"
            + "\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}"
            + "\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}"
            + "\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}";

    /** Letters with what combines with them, and signs; digits and Chinese come before. */
    static final String DEEPSEEK3 =
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
            + "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** Chinese and what lies around it. */
    static final String EASTERN = "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+";

    /** Signs, and letters among them. */
    static final String SIGNS =
        "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}"
            + "\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+";

    /**
     * Groups of three, the last of which ends with the number, and what lies before the first with
     * it, as llama.cpp has it: one space of several then stays by itself.
     */
    static final String NUMERALS_FROM_THE_RIGHT = "\\P{N}*\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))";

    /** Scripts of East Asia. */
    static final String ASIAN =
        "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{F900}-\\x{FAFF}\\x{3040}-\\x{309F}"
            + "\\x{30A0}-\\x{30FF}\\x{FF65}-\\x{FF9F}\\x{2F00}-\\x{2FDF}\\x{E40}-\\x{E7F}"
            + "\\x{E80}-\\x{EFF}\\x{1780}-\\x{17FF}\\x{1000}-\\x{109F}\\x{AA60}-\\x{AA7F}"
            + "\\x{A9E0}-\\x{A9FF}\\x{AC00}-\\x{D7AF}\\x{1100}-\\x{11FF}]+";

    /** What an apostrophe leaves behind. */
    private static final String CONTRACTION =
        "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

    /** Chinese characters. */
    private static final String HAN =
        "\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{20000}-\\x{2A6DF}"
            + "\\x{2A700}-\\x{2EBEF}\\x{F900}-\\x{FAFF}\\x{2F800}-\\x{2FA1F}";

    static String cased() {
      return "\\s?[" + CASED + "]+";
    }

    /** Words whose capitals come first, each with what an apostrophe leaves behind. */
    static String gpt4o() {
      String contracted = CONTRACTION + "?";
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

    /** Of many spaces the most that are a power of two come first. */
    static String threeDigitsAndHalvedSpaces() {
      String spaces =
          IntStream.iterate(512, count -> count >= 4, count -> count / 2)
              .mapToObj("\\s{%d}(?!\\S)|"::formatted)
              .collect(Collectors.joining());
      return words("\\p{L}", "\\p{N}{1,3}", "[\\r\\n]*")
          + "|\\s*[\\r\\n]+|"
          + spaces
          + "\\s{1,2}(?!\\S)|\\s{1}";
    }

    /** Words that single spaces part are one. */
    static String phrases() {
      return CONTRACTION
          + "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
    }

    /** Chinese is by itself. */
    static String kimi() {
      return "["
          + HAN
          + "]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}&&[^"
          + HAN
          + "]]+"
          + CONTRACTION
          + "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }

    private static String wordsAnd(String letters, String digits, String behindSigns) {
      return words(letters, digits, behindSigns) + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }

    private static String words(String letters, String digits, String behindSigns) {
      return CONTRACTION
          + "|[^\\r\\n\\p{L}\\p{N}]?["
          + letters
          + "]+|"
          + digits
          + "| ?[^\\s"
          + letters
          + "\\p{N}]+"
          + behindSigns;
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
    Stream<Map<String, Object>> bytes =
        Stream.of(
            Map.of(
                "type", "ByteLevel",
                "add_prefix_space", false,
                "trim_offsets", true,
                "use_regex", false));
    return Map.of(
        "type", "Sequence", "pretokenizers", Stream.concat(cuts(patterns), bytes).toList());
  }

  /** That of a cut alone. */
  static Map<String, Object> split(List<String> patterns) {
    return Map.of("type", "Sequence", "pretokenizers", cuts(patterns).toList());
  }

  private static Stream<Map<String, Object>> cuts(List<String> patterns) {
    return patterns.stream()
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
  }
}

package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Which tokens play a part in every text.
 *
 * @param begin what a text begins with
 * @param end what a text ends with
 * @param unknown what stands for characters that the vocabulary lacks
 * @param padding what fills up a text
 * @param addBegin whether a text is given its beginning
 * @param addEnd whether a text is given its end
 */
record SpecialIds(
    OptionalInt begin,
    OptionalInt end,
    OptionalInt unknown,
    OptionalInt padding,
    boolean addBegin,
    boolean addEnd) {
  private static final String PREFIX = "tokenizer.ggml.";

  /** Where a turn or a message ends, beside the text's end. */
  private static final List<String> FURTHER_ENDS = List.of("eot_token_id", "eom_token_id");

  /** Ends what a model says, unless it says several messages in a row, as gpt-oss does. */
  private static final String MESSAGE_END = "<|end|>";

  private static final String ANSWER_END = "<|return|>";
  private static final String CALL_END = "<|call|>";

  /** How such tokens are spelt where no key says which they are. */
  private static final Set<String> END_TEXTS =
      Set.of(
          "<|eot_id|>",
          "<|eom_id|>",
          "<|im_end|>",
          MESSAGE_END,
          ANSWER_END,
          CALL_END,
          "<|endoftext|>",
          "<end_of_turn>",
          "<EOT>");

  static SpecialIds read(Metadata metadata, boolean addBegin, Map<String, Integer> defaults) {
    SpecialIds ids =
        new SpecialIds(
            id(metadata, "bos_token_id", defaults),
            id(metadata, "eos_token_id", defaults),
            id(metadata, "unknown_token_id", defaults),
            id(metadata, "padding_token_id", defaults),
            metadata.flag(PREFIX + "add_bos_token").orElse(addBegin),
            metadata.flag(PREFIX + "add_eos_token").orElse(false));
    if (ids.addBegin && ids.begin.isEmpty()) {
      throw metadata.missing(PREFIX + "bos_token_id");
    }
    if (ids.addEnd && ids.end.isEmpty()) {
      throw metadata.missing(PREFIX + "eos_token_id");
    }
    return ids;
  }

  private static OptionalInt id(Metadata metadata, String name, Map<String, Integer> defaults) {
    long tokens = metadata.count(TokenVocabulary.TOKENS);
    OptionalInt given =
        metadata.natural(PREFIX + name).stream().mapToInt(Math::toIntExact).findFirst();
    if (given.isPresent() && given.getAsInt() >= tokens) {
      throw metadata.problem(
          PREFIX + name, "is %d; there are %d tokens".formatted(given.getAsInt(), tokens));
    }
    Integer usual = defaults.get(name);
    return given.isPresent() || usual == null || usual >= tokens ? given : OptionalInt.of(usual);
  }

  /** All tokens that end what a model says. */
  List<Long> ends(Metadata metadata, TokenVocabulary vocabulary) {
    Set<Long> ends = new LinkedHashSet<>();
    end.ifPresent(id -> ends.add((long) id));
    for (String name : FURTHER_ENDS) {
      id(metadata, name, Map.of()).ifPresent(id -> ends.add((long) id));
    }
    boolean severalMessages =
        control(ANSWER_END, vocabulary).isPresent() && control(CALL_END, vocabulary).isPresent();
    for (String text : END_TEXTS) {
      if (!severalMessages || !text.equals(MESSAGE_END)) {
        control(text, vocabulary).ifPresent(id -> ends.add((long) id));
      }
    }
    return ends.stream().sorted().toList();
  }

  private static OptionalInt control(String text, TokenVocabulary vocabulary) {
    Integer id = vocabulary.ids().get(text);
    return id == null || !vocabulary.isControl(id) ? OptionalInt.empty() : OptionalInt.of(id);
  }
}

package dev.serval.storage.gguf.tokenizer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The field {@code post_processor}: which tokens are put around a text. */
final class SequenceTemplate {
  private SequenceTemplate() {}

  /** The field's value; empty if nothing is put around a text. */
  static Optional<Map<String, Object>> json(SpecialIds ids, TokenVocabulary vocabulary) {
    if (!ids.addBegin() && !ids.addEnd()) {
      return Optional.empty();
    }
    Map<String, Object> special = new LinkedHashMap<>();
    List<Object> single = new ArrayList<>();
    List<Object> pair = new ArrayList<>();
    if (ids.addBegin()) {
      add(ids.begin().orElseThrow(), vocabulary, special, single, pair);
    }
    single.add(Map.of("Sequence", Map.of("id", "A", "type_id", 0)));
    pair.add(Map.of("Sequence", Map.of("id", "A", "type_id", 0)));
    pair.add(Map.of("Sequence", Map.of("id", "B", "type_id", 0)));
    if (ids.addEnd()) {
      add(ids.end().orElseThrow(), vocabulary, special, single, pair);
    }
    return Optional.of(
        Map.of(
            "type", "TemplateProcessing",
            "single", single,
            "pair", pair,
            "special_tokens", special));
  }

  private static void add(
      int id,
      TokenVocabulary vocabulary,
      Map<String, Object> special,
      List<Object> single,
      List<Object> pair) {
    String token = vocabulary.tokens().get(id);
    Map<String, Object> piece = Map.of("SpecialToken", Map.of("id", token, "type_id", 0));
    single.add(piece);
    pair.add(piece);
    special.put(token, Map.of("id", token, "ids", List.of(id), "tokens", List.of(token)));
  }
}

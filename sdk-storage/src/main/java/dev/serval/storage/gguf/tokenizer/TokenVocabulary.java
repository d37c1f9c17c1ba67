package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.text.Quoted;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.IntStream;

/** The tokens of a file, by id and by text, and what kind each is of. */
final class TokenVocabulary {
  static final String TOKENS = "tokenizer.ggml.tokens";
  private static final String TYPES = "tokenizer.ggml.token_type";

  /** What does not swallow the spaces behind it, as the other special tokens of Phi-3 do. */
  private static final Set<String> PHI3_KEEP_SPACES = Set.of("<unk>", "<s>", "<|endoftext|>");

  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  private final SequencedMap<String, Integer> ids;
  private final List<String> tokens;
  private final long[] types;
  private final boolean phi3;

  private TokenVocabulary(
      SequencedMap<String, Integer> ids, List<String> tokens, long[] types, boolean phi3) {
    this.ids = ids;
    this.tokens = tokens;
    this.types = types;
    this.phi3 = phi3;
  }

  static TokenVocabulary read(Metadata metadata) {
    List<String> tokens = metadata.texts(TOKENS).orElseThrow(() -> metadata.missing(TOKENS));
    SequencedMap<String, Integer> ids = new LinkedHashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.get(id).isEmpty()) {
        tokens.set(id, "[EMPTY_" + id + "]");
      }
      Integer same = ids.putIfAbsent(tokens.get(id), id);
      if (same != null) {
        throw metadata.problem(
            TOKENS, "has %s twice, as %d and %d".formatted(Quoted.of(tokens.get(id)), same, id));
      }
    }
    long[] types = metadata.integers(TYPES, tokens.size()).orElseGet(() -> new long[tokens.size()]);
    return new TokenVocabulary(ids, tokens, types, isPhi3(metadata));
  }

  /** The format has no key for what swallows spaces; llama.cpp goes by the model's name as well. */
  private static boolean isPhi3(Metadata metadata) {
    String name = metadata.text("general.name").orElse("").toLowerCase(Locale.ROOT);
    return name.contains("phi-3") || name.contains("phi3");
  }

  /** Each token's id, in order. */
  SequencedMap<String, Integer> ids() {
    return ids;
  }

  List<String> tokens() {
    return tokens;
  }

  boolean has(String token) {
    return ids.containsKey(token);
  }

  /** Whether a token stands for something that is not text. */
  boolean isControl(int id) {
    return types[id] == CONTROL;
  }

  /** The field {@code added_tokens}: what is found in a text before it is cut up. */
  List<Map<String, Object>> added() {
    List<Map<String, Object>> added = new ArrayList<>();
    IntStream.range(0, tokens.size())
        .filter(id -> types[id] >= UNKNOWN && types[id] <= USER_DEFINED)
        .forEach(id -> added.add(added(id)));
    return added;
  }

  private Map<String, Object> added(int id) {
    return Map.of(
        "id",
        id,
        "content",
        tokens.get(id),
        "single_word",
        false,
        "lstrip",
        false,
        "rstrip",
        phi3 && !PHI3_KEEP_SPACES.contains(tokens.get(id)),
        "normalized",
        false,
        "special",
        types[id] != USER_DEFINED);
  }
}

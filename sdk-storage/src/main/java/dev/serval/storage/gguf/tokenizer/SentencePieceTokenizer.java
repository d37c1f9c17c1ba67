package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.text.Quoted;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Llama's first kind (Kudo and Richardson, SentencePiece, <a
 * href="https://arxiv.org/abs/1808.06226">arXiv:1808.06226</a>): a text's characters are merged to
 * the pair whose token has the highest score, again and again; characters that the vocabulary lacks
 * are spelt as bytes.
 *
 * <p>The same as a list of merges: each way to cut a token into two others, those of the highest
 * score first. The two differ where tokens of equal score compete: there the list decides by id,
 * and scores by position.
 */
final class SentencePieceTokenizer implements TokenizerKind {
  private static final String SCORES = "tokenizer.ggml.scores";
  private static final String SPACE = "▁";
  private static final int LONGEST = 1024;
  private static final int MOST_MERGED = 64;
  private static final Map<String, Integer> USUAL_IDS =
      Map.of("bos_token_id", 1, "eos_token_id", 2, "unknown_token_id", 0);

  private final Metadata metadata;
  private final boolean prefix;

  SentencePieceTokenizer(Metadata metadata) {
    this.metadata = metadata;
    prefix = metadata.flag("tokenizer.ggml.add_space_prefix").orElse(true);
  }

  @Override
  public SpecialIds specialIds() {
    return SpecialIds.read(metadata, true, USUAL_IDS);
  }

  @Override
  public Map<String, Object> fields(TokenVocabulary vocabulary) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("normalizer", normalizer(prefix));
    fields.put("pre_tokenizer", null);
    fields.put("decoder", decoder(prefix));
    fields.put("model", model(vocabulary, specialIds(), merges(vocabulary)));
    return fields;
  }

  /** Pieces that are merged, and spelt as bytes where there are none. */
  static Map<String, Object> model(
      TokenVocabulary vocabulary, SpecialIds special, Iterable<List<String>> merges) {
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    special.unknown().ifPresent(id -> model.put("unk_token", vocabulary.tokens().get(id)));
    model.put("fuse_unk", true);
    model.put("byte_fallback", true);
    model.put("ignore_merges", false);
    model.put("vocab", vocabulary.ids());
    model.put("merges", merges);
    return model;
  }

  /** What puts a mark in place of each space, and in front of a text if it has a prefix. */
  static Map<String, Object> normalizer(boolean prefix) {
    List<Map<String, Object>> steps = new ArrayList<>();
    if (prefix) {
      steps.add(Map.of("type", "Prepend", "prepend", SPACE));
    }
    steps.add(replacing(" ", SPACE));
    return Map.of("type", "Sequence", "normalizers", steps);
  }

  /** What undoes that, and makes characters of bytes. */
  static Map<String, Object> decoder(boolean prefix) {
    List<Map<String, Object>> steps = new ArrayList<>();
    steps.add(replacing(SPACE, " "));
    steps.add(Map.of("type", "ByteFallback"));
    steps.add(Map.of("type", "Fuse"));
    if (prefix) {
      steps.add(Map.of("type", "Strip", "content", " ", "start", 1, "stop", 0));
    }
    return Map.of("type", "Sequence", "decoders", steps);
  }

  private static Map<String, Object> replacing(String from, String to) {
    return Map.of("type", "Replace", "pattern", Map.of("String", from), "content", to);
  }

  private List<List<String>> merges(TokenVocabulary vocabulary) {
    List<String> tokens = vocabulary.tokens();
    double[] scores =
        metadata.reals(SCORES, tokens.size()).orElseThrow(() -> metadata.missing(SCORES));
    List<List<String>> merges = new ArrayList<>();
    long most = MOST_MERGED * tokens.stream().mapToLong(String::length).sum();
    long merged = 0;
    for (int id :
        vocabulary.ids().values().stream()
            .sorted(Comparator.comparingDouble(id -> -scores[id]))
            .toList()) {
      int before = merges.size();
      addCuts(tokens.get(id), vocabulary, merges);
      merged += (long) (merges.size() - before) * tokens.get(id).length();
      requireMerged(merged, most);
    }
    return merges;
  }

  /** Tokens that are all parts of each other have more merges than a file should cost memory. */
  private void requireMerged(long merged, long most) {
    if (merged > most) {
      throw metadata.problem(
          TokenVocabulary.TOKENS,
          "has tokens that can be cut into each other in too many ways: the merges have more than"
              + " %d times as many characters as the tokens".formatted(MOST_MERGED));
    }
  }

  private void addCuts(String token, TokenVocabulary vocabulary, List<List<String>> merges) {
    if (token.length() > LONGEST) {
      throw metadata.problem(
          TokenVocabulary.TOKENS,
          "has a token of %d characters, %s; in this kind of vocabulary they have up to %d"
              .formatted(token.length(), Quoted.of(token), LONGEST));
    }
    for (int at = 1; at < token.length(); at++) {
      String left = token.substring(0, at);
      String right = token.substring(at);
      if (vocabulary.has(left) && vocabulary.has(right)) {
        merges.add(List.of(left, right));
      }
    }
  }
}

package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.text.Quoted;
import java.util.List;

/**
 * The pairs of tokens that are merged, the first one first.
 *
 * @param metadata what says them
 */
record MergeList(Metadata metadata) {
  private static final String MERGES = "tokenizer.ggml.merges";

  /** Made one after the other while they are written: they are many. */
  Iterable<List<String>> of(TokenVocabulary vocabulary) {
    List<String> texts = metadata.texts(MERGES).orElseThrow(() -> metadata.missing(MERGES));
    return () -> texts.stream().map(text -> merge(text, vocabulary)).iterator();
  }

  private List<String> merge(String text, TokenVocabulary vocabulary) {
    int space = text.indexOf(' ', 1);
    if (space < 0) {
      throw metadata.problem(
          MERGES, "has %s; a merge is two tokens with a space between".formatted(Quoted.of(text)));
    }
    return merge(text.substring(0, space), text.substring(space + 1), vocabulary);
  }

  private List<String> merge(String left, String right, TokenVocabulary vocabulary) {
    for (String token : List.of(left, right, left + right)) {
      if (!vocabulary.has(token)) {
        throw metadata.problem(
            MERGES,
            "merges %s and %s, but there is no token %s"
                .formatted(Quoted.of(left), Quoted.of(right), Quoted.of(token)));
      }
    }
    return List.of(left, right);
  }
}

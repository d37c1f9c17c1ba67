package dev.serval.storage.gguf;

import dev.serval.storage.text.Quoted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * GPT-2's kind: a text is cut up, each piece spelt as bytes in printable characters, and pairs are
 * merged in the order of a list.
 */
final class BytePairTokenizer implements TokenizerKind {
  private static final String PRE = "tokenizer.ggml.pre";
  private static final String MERGES = "tokenizer.ggml.merges";
  private static final Map<String, Object> BYTES =
      Map.of(
          "type", "ByteLevel",
          "add_prefix_space", true,
          "trim_offsets", true,
          "use_regex", true);

  private final Metadata metadata;
  private final PreTokenizer cut;

  BytePairTokenizer(Metadata metadata) {
    this.metadata = metadata;
    String name = metadata.text(PRE).orElse("default");
    cut =
        PreTokenizer.named(name)
            .orElseThrow(() ->
                metadata.problem(
                    PRE,
                    "is %s; supported are %s".formatted(Quoted.of(name), PreTokenizer.allNames())));
  }

  @Override
  public SpecialIds specialIds() {
    return SpecialIds.read(metadata, cut.wholeWords(), Map.of());
  }

  @Override
  public Map<String, Object> fields(TokenVocabulary vocabulary) {
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    model.put("fuse_unk", false);
    model.put("byte_fallback", false);
    model.put("ignore_merges", cut.wholeWords());
    model.put("vocab", vocabulary.ids());
    model.put("merges", merges(vocabulary));
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("normalizer", null);
    fields.put("pre_tokenizer", cut.json());
    fields.put("decoder", BYTES);
    fields.put("model", model);
    return fields;
  }

  /** Made one after the other while they are written: they are many. */
  private Iterable<List<String>> merges(TokenVocabulary vocabulary) {
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

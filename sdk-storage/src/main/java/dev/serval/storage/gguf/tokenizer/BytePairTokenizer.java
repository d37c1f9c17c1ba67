package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.text.Quoted;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * GPT-2's kind: a text is cut up, each piece spelt as bytes in printable characters, and pairs are
 * merged in the order of a list.
 */
final class BytePairTokenizer implements TokenizerKind {
  private static final String PRE = "tokenizer.ggml.pre";
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
    model.put("merges", new MergeList(metadata).of(vocabulary));
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("normalizer", null);
    fields.put("pre_tokenizer", cut.json());
    fields.put("decoder", BYTES);
    fields.put("model", model);
    return fields;
  }
}

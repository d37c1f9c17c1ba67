package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Gemma 4's kind: characters as SentencePiece has them, a mark in place of each space, and pairs
 * that are merged in the order of a list, within lines; characters that the vocabulary lacks are
 * spelt as bytes.
 */
final class PieceMergeTokenizer implements TokenizerKind {
  private static final String LINES = "[^\\n]+|[\\n]+";

  private final Metadata metadata;

  PieceMergeTokenizer(Metadata metadata) {
    this.metadata = metadata;
  }

  @Override
  public SpecialIds specialIds() {
    return SpecialIds.read(metadata, true, Map.of());
  }

  @Override
  public Map<String, Object> fields(TokenVocabulary vocabulary) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("normalizer", SentencePieceTokenizer.normalizer(false));
    fields.put("pre_tokenizer", PreTokenizer.split(List.of(LINES)));
    fields.put("decoder", SentencePieceTokenizer.decoder(false));
    fields.put(
        "model",
        SentencePieceTokenizer.model(
            vocabulary, specialIds(), new MergeList(metadata).of(vocabulary)));
    return fields;
  }
}

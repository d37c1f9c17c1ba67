package dev.serval.storage.gguf.tokenizer;

import java.util.Map;

/** A sort of tokenizer, as {@code tokenizer.ggml.model} names it. */
interface TokenizerKind {
  /** Which tokens play a part in every text. */
  SpecialIds specialIds();

  /**
   * What sets this sort apart in {@code tokenizer.json}: the fields {@code normalizer}, {@code
   * pre_tokenizer}, {@code decoder} and {@code model}.
   */
  Map<String, Object> fields(TokenVocabulary vocabulary);
}

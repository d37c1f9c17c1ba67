package dev.serval.storage.gguf.tokenizer;

import dev.serval.storage.gguf.format.Metadata;
import dev.serval.storage.text.Quoted;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;

/**
 * Turns a file's tokenizer and chat template into the texts that lie beside Hugging Face's
 * checkpoints. The texts are made when they are asked for, and not kept.
 */
public final class TokenizerTexts {
  private static final String MODEL = "tokenizer.ggml.model";
  private static final String TEMPLATE = "tokenizer.chat_template";

  private final Metadata metadata;
  private final Optional<TokenizerKind> kind;

  public TokenizerTexts(Metadata metadata) {
    this.metadata = metadata;
    kind =
        metadata
            .text(MODEL)
            .filter(name -> !name.equals("none") && !name.equals("no_vocab"))
            .map(this::kind);
  }

  private TokenizerKind kind(String name) {
    return switch (name) {
      case "gpt2" -> new BytePairTokenizer(metadata);
      case "gemma4" -> new PieceMergeTokenizer(metadata);
      case "llama" -> new SentencePieceTokenizer(metadata);
      default ->
          throw metadata.problem(
              MODEL,
              "is %s; supported are gpt2, gemma4, llama and none".formatted(Quoted.of(name)));
    };
  }

  /** A configuration and the ids of tokens that belong into it, unmodifiable. */
  public Map<String, Object> withTokens(Map<String, Object> model) {
    Map<String, Object> config = new LinkedHashMap<>(model);
    kind.ifPresent(tokenizer -> {
      SpecialIds ids = tokenizer.specialIds();
      ids.begin().ifPresent(id -> config.put("bos_token_id", (long) id));
      List<Long> ends = ids.ends(metadata, TokenVocabulary.read(metadata));
      if (!ends.isEmpty()) {
        config.put("eos_token_id", ends);
      }
    });
    return Collections.unmodifiableMap(config);
  }

  /** How to make each text. */
  public Map<String, Supplier<String>> suppliers() {
    Optional<String> template = metadata.text(TEMPLATE);
    return kind.map(tokenizer ->
            Map.<String, Supplier<String>>of(
                "tokenizer.json", () -> tokenizer(tokenizer),
                "tokenizer_config.json", () -> configuration(tokenizer, template)))
        .orElse(Map.of());
  }

  private String tokenizer(TokenizerKind tokenizer) {
    TokenVocabulary vocabulary = TokenVocabulary.read(metadata);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", "1.0");
    json.put("truncation", null);
    json.put("padding", null);
    json.put("added_tokens", vocabulary.added());
    json.putAll(tokenizer.fields(vocabulary));
    json.put(
        "post_processor", SequenceTemplate.json(tokenizer.specialIds(), vocabulary).orElse(null));
    return JsonText.of(json);
  }

  private String configuration(TokenizerKind tokenizer, Optional<String> template) {
    TokenVocabulary vocabulary = TokenVocabulary.read(metadata);
    SpecialIds ids = tokenizer.specialIds();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("tokenizer_class", "PreTrainedTokenizerFast");
    put(json, "bos_token", ids.begin(), vocabulary);
    put(json, "eos_token", ids.end(), vocabulary);
    put(json, "unk_token", ids.unknown(), vocabulary);
    put(json, "pad_token", ids.padding(), vocabulary);
    json.put("add_bos_token", ids.addBegin());
    json.put("add_eos_token", ids.addEnd());
    json.put("clean_up_tokenization_spaces", false);
    template.ifPresent(text -> json.put("chat_template", text));
    return JsonText.of(json);
  }

  private static void put(
      Map<String, Object> json, String part, OptionalInt id, TokenVocabulary vocabulary) {
    id.ifPresent(present -> json.put(part, vocabulary.tokens().get(present)));
  }
}

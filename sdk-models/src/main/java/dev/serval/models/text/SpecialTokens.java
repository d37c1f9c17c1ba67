package dev.serval.models.text;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * The tokens that {@code tokenizer_config.json} gives a part to play.
 *
 * @param texts the part, such as {@code bos_token}, and how the token is spelt
 */
record SpecialTokens(Map<String, String> texts) {
  private static final List<String> PARTS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "pad_token",
          "sep_token",
          "cls_token",
          "mask_token");

  static SpecialTokens read(Optional<JsonFile> config) {
    Map<String, String> texts = new LinkedHashMap<>();
    config.ifPresent(file -> PARTS.forEach(part -> read(file, part, texts)));
    return new SpecialTokens(Map.copyOf(texts));
  }

  Optional<String> text(String part) {
    return Optional.ofNullable(texts.get(part));
  }

  private static void read(JsonFile file, String part, Map<String, String> texts) {
    JsonNode value = file.root().path(part);
    JsonNode content = value.isObject() ? value.path("content") : value;
    if (content.isString()) {
      texts.put(part, content.stringValue());
    } else if (!value.isMissingNode() && !value.isNull()) {
      throw file.wrong(part, "a text or an object with content", value);
    }
  }
}

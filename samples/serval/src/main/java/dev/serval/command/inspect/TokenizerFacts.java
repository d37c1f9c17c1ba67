package dev.serval.command.inspect;

import dev.serval.api.storage.Checkpoint;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What {@code tokenizer.json} and the chat template say, in short. */
final class TokenizerFacts {
  private final JsonMapper json = JsonMapper.shared();
  private final Checkpoint checkpoint;

  TokenizerFacts(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    Optional<JsonNode> tokenizer = checkpoint.text("tokenizer.json").map(this::parsed);
    fields.put("kind", tokenizer.map(TokenizerFacts::kind).orElse("none"));
    tokenizer.ifPresent(tree -> {
      fields.put("tokens", tree.at("/model/vocab").size());
      fields.put("merges", tree.at("/model/merges").size());
      fields.put("added_tokens", tree.path("added_tokens").size());
    });
    fields.put("chat_template", hasTemplate());
    return fields;
  }

  private static String kind(JsonNode tokenizer) {
    String model = tokenizer.at("/model/type").asString("");
    boolean spelt = tokenizer.at("/model/byte_fallback").asBoolean(false);
    boolean bytes = tokenizer.path("decoder").toString().contains("ByteLevel");
    return model.isEmpty()
        ? "unknown"
        : model + (bytes ? ", byte level" : spelt ? ", SentencePiece with byte fallback" : "");
  }

  private boolean hasTemplate() {
    return checkpoint.text("chat_template.jinja").isPresent()
        || Stream.of("tokenizer_config.json", "chat_template.json")
            .flatMap(name -> checkpoint.text(name).stream())
            .map(this::parsed)
            .anyMatch(tree -> tree.hasNonNull("chat_template"));
  }

  private JsonNode parsed(String text) {
    try {
      return json.readTree(text);
    } catch (JacksonException e) {
      return json.createObjectNode();
    }
  }
}

package dev.serval.models.text;

import static tools.jackson.databind.DeserializationFeature.FAIL_ON_TRAILING_TOKENS;

import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.filter.FilteringParserDelegate;
import tools.jackson.core.filter.TokenFilter.Inclusion;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A JSON file of a checkpoint, and the words to complain about it. */
record JsonFile(String checkpoint, String name, JsonNode root) {
  private static final JsonMapper MAPPER = JsonMapper.shared();
  private static final List<String> MERGES = List.of("model", "merges");

  /** The file if there is one; it holds an object. */
  static Optional<JsonFile> optional(Checkpoint checkpoint, String name) {
    return checkpoint
        .text(name)
        .map(text -> parse(checkpoint.root(), name, () -> MAPPER.readTree(text)));
  }

  /** What a checkpoint hands out as a tree, as if it were read from its file. */
  static JsonFile of(Checkpoint checkpoint, String name, Map<String, Object> tree) {
    return new JsonFile(checkpoint.root(), name, MAPPER.valueToTree(tree));
  }

  /**
   * A tokenizer's file that was read elsewhere, without its merges: several hundred thousand
   * objects, of which only native code makes use.
   */
  static JsonFile tokenizer(String checkpoint, String name, String text) {
    return parse(checkpoint, name, () -> withoutMerges(text));
  }

  private static JsonNode withoutMerges(String text) {
    try (JsonParser all = MAPPER.createParser(text);
        JsonParser rest =
            new FilteringParserDelegate(
                all, new WithoutField(MERGES), Inclusion.INCLUDE_ALL_AND_PATH, true)) {
      return MAPPER.readerFor(JsonNode.class).with(FAIL_ON_TRAILING_TOKENS).readValue(rest);
    }
  }

  private static JsonFile parse(String checkpoint, String name, Supplier<JsonNode> tree) {
    JsonFile file;
    try {
      file = new JsonFile(checkpoint, name, tree.get());
    } catch (JacksonException e) {
      throw new CheckpointException(
          "%s of %s is no JSON: %s".formatted(name, checkpoint, e.getOriginalMessage()), e);
    }
    if (!file.root.isObject()) {
      throw file.wrong("the file", "an object", file.root);
    }
    return file;
  }

  /** A field that says yes or no; empty if it is missing or null. */
  Optional<Boolean> flag(String field) {
    JsonNode value = root.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isBoolean()) {
      throw wrong(field, "true or false", value);
    }
    return Optional.of(value.booleanValue());
  }

  /** A field of text; empty if it is missing or null. */
  Optional<String> text(String field) {
    JsonNode value = root.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isString()) {
      throw wrong(field, "a text", value);
    }
    return Optional.of(value.stringValue());
  }

  /** What to throw when a field does not hold what it should. */
  CheckpointException wrong(String field, String allowed, JsonNode found) {
    String value = found.toString();
    return damaged(
        "%s is to be %s, not %s"
            .formatted(field, allowed, value.length() > 80 ? value.substring(0, 80) + "…" : value));
  }

  /** What to throw when this file is damaged. */
  CheckpointException damaged(String problem) {
    return new CheckpointException("%s of %s: %s".formatted(name, checkpoint, problem));
  }
}

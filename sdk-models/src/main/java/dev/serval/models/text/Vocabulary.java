package dev.serval.models.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The tokens of a {@code tokenizer.json}: those of its model and those added to it. */
final class Vocabulary {
  private static final int MAX_ID = (1 << 24) - 1;

  private final List<@Nullable String> tokens = new ArrayList<>();
  private final Map<String, Integer> added = new HashMap<>();
  private final BitSet special = new BitSet();

  private Vocabulary() {}

  static Vocabulary read(JsonFile file) {
    Vocabulary vocabulary = new Vocabulary();
    JsonNode model = file.root().path("model").path("vocab");
    if (model.isObject()) {
      model.forEachEntry((token, id) -> vocabulary.put(file, token, id));
    } else if (model.isArray()) {
      for (JsonNode entry : model) {
        vocabulary.tokens.add(text(file, "model.vocab", entry.path(0)));
      }
    } else {
      throw file.wrong("model.vocab", "an object or a list", model);
    }
    for (JsonNode entry : file.root().path("added_tokens")) {
      vocabulary.add(file, entry);
    }
    return vocabulary;
  }

  /** One more than the largest id. */
  int size() {
    return tokens.size();
  }

  /** A token as the file spells it; null if no token has this id. */
  @Nullable String token(int id) {
    return id < tokens.size() ? tokens.get(id) : null;
  }

  boolean special(int id) {
    return special.get(id);
  }

  /** The id of a token that is spelt so, an added one first. */
  OptionalInt id(String token) {
    Integer id = added.get(token);
    int found = id == null ? tokens.indexOf(token) : id;
    return found < 0 ? OptionalInt.empty() : OptionalInt.of(found);
  }

  private void add(JsonFile file, JsonNode entry) {
    String token = text(file, "added_tokens", entry.path("content"));
    int id = put(file, token, entry.path("id"));
    added.put(token, id);
    special.set(id, entry.path("special").booleanValue(false));
  }

  private int put(JsonFile file, String token, JsonNode value) {
    int id = value.isInt() ? value.intValue() : -1;
    if (id < 0 || id > MAX_ID) {
      throw file.wrong("the id of token '" + token + "'", "from 0 to " + MAX_ID, value);
    }
    while (tokens.size() <= id) {
      tokens.add(null);
    }
    tokens.set(id, token);
    return id;
  }

  private static String text(JsonFile file, String field, JsonNode value) {
    if (!value.isString()) {
      throw file.wrong("a token in " + field, "a text", value);
    }
    return value.stringValue();
  }
}

package dev.serval.models.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * The tokens of a {@code tokenizer.json}: those of its model and those added to it. They are kept
 * as the bytes of one array, since hundreds of thousands of objects would be looked at in each full
 * garbage collection.
 */
final class Vocabulary {
  private static final int MAX_ID = (1 << 24) - 1;

  private final byte[] spelling;
  private final int[] ends;
  private final BitSet known;
  private final BitSet special;
  private final Map<String, Integer> added;

  private Vocabulary(Tokens tokens) {
    ends = new int[tokens.spelt.size()];
    known = new BitSet(ends.length);
    special = tokens.special;
    added = Map.copyOf(tokens.added);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int id = 0; id < ends.length; id++) {
      String token = tokens.spelt.get(id);
      if (token != null) {
        known.set(id);
        all.writeBytes(token.getBytes(StandardCharsets.UTF_8));
      }
      ends[id] = all.size();
    }
    spelling = all.toByteArray();
  }

  static Vocabulary read(JsonFile file) {
    Tokens tokens = new Tokens(file);
    JsonNode model = file.root().path("model").path("vocab");
    if (model.isObject()) {
      model.forEachEntry(tokens::put);
    } else if (model.isArray()) {
      for (JsonNode entry : model) {
        tokens.spelt.add(tokens.text("model.vocab", entry.path(0)));
      }
    } else {
      throw file.wrong("model.vocab", "an object or a list", model);
    }
    file.root().path("added_tokens").forEach(tokens::add);
    return new Vocabulary(tokens);
  }

  /** One more than the largest id. */
  int size() {
    return ends.length;
  }

  /** A token as the file spells it; null if no token has this id. */
  @Nullable String token(int id) {
    return known.get(id)
        ? new String(spelling, start(id), ends[id] - start(id), StandardCharsets.UTF_8)
        : null;
  }

  private int start(int id) {
    return id == 0 ? 0 : ends[id - 1];
  }

  boolean special(int id) {
    return special.get(id);
  }

  /** The id of a token that is spelt so, an added one first. */
  OptionalInt id(String token) {
    Integer id = added.get(token);
    return id == null ? find(token.getBytes(StandardCharsets.UTF_8)) : OptionalInt.of(id);
  }

  /** The id of an added token that is spelt so. */
  OptionalInt addedId(String token) {
    Integer id = added.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  private OptionalInt find(byte[] token) {
    return known.stream()
        .filter(id -> Arrays.equals(spelling, start(id), ends[id], token, 0, token.length))
        .findFirst();
  }

  /** What is read from the file. */
  private static final class Tokens {
    private final JsonFile file;
    private final List<@Nullable String> spelt = new ArrayList<>();
    private final Map<String, Integer> added = new HashMap<>();
    private final BitSet special = new BitSet();

    Tokens(JsonFile file) {
      this.file = file;
    }

    void add(JsonNode entry) {
      String token = text("added_tokens", entry.path("content"));
      int id = put(token, entry.path("id"));
      added.put(token, id);
      special.set(id, entry.path("special").booleanValue(false));
    }

    int put(String token, JsonNode value) {
      int id = value.isInt() ? value.intValue() : -1;
      if (id < 0 || id > MAX_ID) {
        throw file.wrong("the id of token '" + token + "'", "from 0 to " + MAX_ID, value);
      }
      while (spelt.size() <= id) {
        spelt.add(null);
      }
      spelt.set(id, token);
      return id;
    }

    String text(String field, JsonNode value) {
      if (!value.isString()) {
        throw file.wrong("a token in " + field, "a text", value);
      }
      return value.stringValue();
    }
  }
}

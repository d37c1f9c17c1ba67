package dev.serval.models.text;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Which tokens begin and end a sequence: what the first of some files says of it, else what the
 * tokenizer calls its {@code bos_token} and {@code eos_token}.
 *
 * @param begin the token that begins a sequence, if one is named
 * @param end the tokens that end it
 */
record SequenceEnds(OptionalInt begin, Set<Integer> end) {
  /** Copies the set. */
  SequenceEnds {
    end = Set.copyOf(end);
  }

  static SequenceEnds read(List<JsonFile> files, SpecialTokens special, Vocabulary vocabulary) {
    return new SequenceEnds(
        ids(files, "bos_token", special, vocabulary).stream().mapToInt(id -> id).findFirst(),
        ids(files, "eos_token", special, vocabulary));
  }

  private static Set<Integer> ids(
      List<JsonFile> files, String part, SpecialTokens special, Vocabulary vocabulary) {
    for (JsonFile file : files) {
      JsonNode value = file.root().path(part + "_id");
      if (!value.isMissingNode() && !value.isNull()) {
        return ids(file, part + "_id", value);
      }
    }
    OptionalInt id = special.text(part).map(vocabulary::id).orElse(OptionalInt.empty());
    return id.isPresent() ? Set.of(id.getAsInt()) : Set.of();
  }

  private static Set<Integer> ids(JsonFile file, String field, JsonNode value) {
    Set<Integer> ids = new LinkedHashSet<>();
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
        throw file.wrong(field, "a token id or a list of them", value);
      }
      ids.add(id.intValue());
    }
    return ids;
  }
}

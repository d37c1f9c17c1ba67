package dev.serval.models.text;

import java.util.List;
import java.util.Optional;

/**
 * The tokens around a text where {@code tokenizer_config.json} lays them down and not the tokenizer
 * itself: the classes named here are those that set {@code add_bos_token} and {@code add_eos_token}
 * above what {@code tokenizer.json} says.
 *
 * @param before the tokens put before a text
 * @param after the tokens put after it
 */
record SequenceFrame(List<Integer> before, List<Integer> after) {
  private static final List<String> CLASSES = List.of("Llama", "CodeLlama", "Gemma", "Cohere");

  /** The frame, if the configuration has a say in it. */
  static Optional<SequenceFrame> read(
      JsonFile config, SpecialTokens special, Vocabulary vocabulary) {
    String type = config.text("tokenizer_class").orElse("");
    Optional<Boolean> begin = config.flag("add_bos_token");
    Optional<Boolean> end = config.flag("add_eos_token");
    boolean governs = CLASSES.stream().anyMatch(name -> type.startsWith(name + "Tokenizer"));
    if (!governs || (begin.isEmpty() && end.isEmpty())) {
      return Optional.empty();
    }
    return Optional.of(
        new SequenceFrame(
            begin.orElse(true) ? id(special, "bos_token", vocabulary) : List.of(),
            end.orElse(false) ? id(special, "eos_token", vocabulary) : List.of()));
  }

  private static List<Integer> id(SpecialTokens special, String name, Vocabulary vocabulary) {
    return special.text(name).stream()
        .flatMapToInt(t -> vocabulary.id(t).stream())
        .boxed()
        .toList();
  }

  int[] around(int[] ids) {
    int[] framed = new int[before.size() + ids.length + after.size()];
    int at = 0;
    for (int id : before) {
      framed[at++] = id;
    }
    System.arraycopy(ids, 0, framed, at, ids.length);
    at += ids.length;
    for (int id : after) {
      framed[at++] = id;
    }
    return framed;
  }
}

package dev.serval.server.openai;

import dev.serval.api.Prompt;
import dev.serval.server.json.Value;
import java.util.List;

/** Reads the prompts of a text completion: a string, token ids, or a list of either. */
final class Prompts {
  private static final String ALLOWED = "a string, an array of token ids, or an array of either";

  private Prompts() {}

  static List<Prompt> of(Value prompt) {
    if (prompt.isText()) {
      return List.of(Prompt.text(prompt.text()));
    }
    prompt.check(prompt.isArray() && !prompt.isEmpty(), ALLOWED);
    return prompt.first().isNumber()
        ? List.of(Prompt.tokens(prompt.integers()))
        : prompt.items().stream().map(Prompts::one).toList();
  }

  private static Prompt one(Value prompt) {
    if (prompt.isText()) {
      return Prompt.text(prompt.text());
    }
    prompt.check(prompt.isArray() && !prompt.isEmpty(), "a string or an array of token ids");
    return Prompt.tokens(prompt.integers());
  }
}

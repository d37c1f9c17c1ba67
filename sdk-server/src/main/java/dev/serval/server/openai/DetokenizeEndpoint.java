package dev.serval.server.openai;

import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.server.json.Value;

/** {@code POST /detokenize}: tokens as a text, special ones spelt out. */
public final class DetokenizeEndpoint {
  private DetokenizeEndpoint() {}

  /** The text asked for. */
  public record Text(String prompt) {}

  /** Answers a body; never called on an event loop. */
  public static Text answer(Value body, ServingRuntime runtime) {
    ServedModel model = Models.of(body, runtime);
    int[] ids = body.require("tokens").integers();
    return new Text(model.tokenizer().decode(PromptTokens.boxed(ids), false));
  }
}

package dev.serval.server.openai;

import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code POST /tokenize}: a text or a conversation as the tokens a model sees. */
public final class TokenizeEndpoint {
  private TokenizeEndpoint() {}

  /**
   * The tokens asked for.
   *
   * @param tokenStrs each token's text, if asked for
   */
  public record Tokens(
      int count, int maxModelLen, List<Integer> tokens, @Nullable List<String> tokenStrs) {}

  /** Answers a body; never called on an event loop. */
  public static Tokens answer(Value body, ServingRuntime runtime) {
    ServedModel model = Models.of(body, runtime);
    int[] ids = ids(body, model);
    boolean strings = GenerationFields.flag(body, "return_token_strs");
    return new Tokens(
        ids.length,
        model.contextLength(),
        PromptTokens.boxed(ids),
        strings ? Arrays.stream(ids).mapToObj(model.tokenizer()::text).toList() : null);
  }

  private static int[] ids(Value body, ServedModel model) {
    boolean chat = body.get("messages").isPresent();
    if (chat == body.get("prompt").isPresent()) {
      throw ApiError.badRequest(
              chat ? "prompt" : "messages", "either prompt or messages must be there, and one only")
          .raise();
    }
    return chat ? conversation(body, model) : text(body, model);
  }

  private static int[] text(Value body, ServedModel model) {
    boolean special = body.get("add_special_tokens").map(Value::truth).orElse(true);
    return model.tokenizer().encode(body.require("prompt").text(), special);
  }

  private static int[] conversation(Value body, ServedModel model) {
    Refusal.ofTools(body);
    Refusal.all(Refusal.TEMPLATE, body);
    return PromptTokens.ofChat(
        Messages.of(body, model),
        model,
        body.get("add_generation_prompt").map(Value::truth).orElse(true),
        GenerationFields.flag(body, "add_special_tokens"));
  }
}

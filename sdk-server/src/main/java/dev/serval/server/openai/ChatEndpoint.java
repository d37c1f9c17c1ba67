package dev.serval.server.openai;

import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.server.json.Value;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code POST /v1/chat/completions}. */
public final class ChatEndpoint implements GenerationEndpoint {
  @Override
  public Map<String, String> aliases() {
    return Map.of("prompt", "messages");
  }

  @Override
  public GenerationCall read(Value body, ServingRuntime runtime, Caller caller) {
    Refusal.ofTools(body);
    Refusal.all(Refusal.CHAT, body);
    Refusal.all(Refusal.TEMPLATE, body);
    ServedModel model = Models.of(body, runtime);
    Prompt prompt = Messages.of(body, model);
    GenerationRequest.Builder request = GenerationRequest.builder(prompt).model(model.name());
    GenerationFields.apply(body, caller, request);
    maxTokens(body).map(GenerationFields::atLeastOne).ifPresent(request::maxTokens);
    body.get("prediction").map(Messages::prediction).ifPresent(request::prediction);
    boolean logprobs = logprobs(body, request);
    Delivery delivery = Delivery.of(body);
    boolean reasoning = body.get("include_reasoning").map(Value::truth).orElse(true);
    boolean tokenIds = GenerationFields.flag(body, "return_token_ids");
    List<Integer> promptIds =
        tokenIds && delivery.stream()
            ? PromptTokens.boxed(PromptTokens.of(prompt, model))
            : List.of();
    return new GenerationCall(
        model,
        List.of(request.build()),
        delivery,
        new ChatFormat(logprobs, reasoning, tokenIds, promptIds));
  }

  private static Optional<Value> maxTokens(Value body) {
    return body.get("max_completion_tokens").or(() -> body.get("max_tokens"));
  }

  private static boolean logprobs(Value body, GenerationRequest.Builder request) {
    boolean wanted = GenerationFields.flag(body, "logprobs");
    Optional<Value> top = body.get("top_logprobs");
    if (wanted) {
      request.logprobs(top.map(Value::integer).orElse(0));
    } else {
      top.ifPresent(v -> v.check(v.is(0), "left out where logprobs is not true"));
    }
    return wanted;
  }
}

package dev.serval.server.openai;

import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code POST /v1/completions}. */
public final class CompletionEndpoint implements GenerationEndpoint {
  /** What the API has always had where a client says nothing. */
  private static final int DEFAULT_MAX_TOKENS = 16;

  @Override
  public Map<String, String> aliases() {
    return Map.of("messages", "prompt", "top_logprobs", "logprobs");
  }

  @Override
  public GenerationCall read(Value body, ServingRuntime runtime, Caller caller) {
    Refusal.all(Refusal.TEXT, body);
    ServedModel model = Models.of(body, runtime);
    List<Prompt> prompts = Prompts.of(body.require("prompt"));
    Optional<Integer> logprobs = body.get("logprobs").map(Value::integer);
    Delivery delivery = Delivery.of(body);
    List<GenerationRequest> requests =
        prompts.stream().map(prompt -> request(body, prompt, logprobs, model, caller)).toList();
    return new GenerationCall(
        model, requests, delivery, format(body, prompts, logprobs.isPresent(), delivery, model));
  }

  private static GenerationRequest request(
      Value body, Prompt prompt, Optional<Integer> logprobs, ServedModel model, Caller caller) {
    Optional<Integer> maxTokens = body.get("max_tokens").map(GenerationFields::atLeastOne);
    GenerationRequest.Builder request =
        maxTokens
            .map(most -> GenerationRequest.builder(prompt).maxTokens(most))
            .orElseGet(() -> ofDefaultLength(PromptTokens.of(prompt, model), model))
            .model(model.name());
    GenerationFields.apply(body, caller, request);
    logprobs.ifPresent(request::logprobs);
    return request.build();
  }

  /** The default never asks for more than the context holds, as a client's own limit may. */
  private static GenerationRequest.Builder ofDefaultLength(int[] prompt, ServedModel model) {
    int room = model.contextLength() - prompt.length;
    return GenerationRequest.builder(Prompt.tokens(prompt))
        .maxTokens(Math.clamp(room, 1, DEFAULT_MAX_TOKENS));
  }

  private static TextFormat format(
      Value body, List<Prompt> prompts, boolean logprobs, Delivery delivery, ServedModel model) {
    boolean tokenIds = GenerationFields.flag(body, "return_token_ids");
    return new TextFormat(
        GenerationFields.choices(body),
        logprobs,
        echoes(body, prompts, logprobs, model),
        tokenIds,
        tokenIds && delivery.stream() ? tokens(prompts, model) : List.of());
  }

  private static List<String> echoes(
      Value body, List<Prompt> prompts, boolean logprobs, ServedModel model) {
    if (!GenerationFields.flag(body, "echo")) {
      return Collections.nCopies(prompts.size(), "");
    }
    if (logprobs) {
      throw ApiError.badRequest(
              "echo",
              "unsupported_parameter",
              "'echo' cannot be honoured together with logprobs: only generated tokens have them")
          .raise();
    }
    return prompts.stream().map(prompt -> text(prompt, model)).toList();
  }

  private static String text(Prompt prompt, ServedModel model) {
    return prompt instanceof Prompt.Text(String text)
        ? text
        : model.tokenizer().decode(PromptTokens.boxed(PromptTokens.of(prompt, model)), false);
  }

  private static List<List<Integer>> tokens(List<Prompt> prompts, ServedModel model) {
    return prompts.stream().map(p -> PromptTokens.boxed(PromptTokens.of(p, model))).toList();
  }
}

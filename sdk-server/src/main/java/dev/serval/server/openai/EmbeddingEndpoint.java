package dev.serval.server.openai;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.UnknownModelException;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code POST /v1/embeddings}: what a body means. Never called on an event loop. */
public final class EmbeddingEndpoint {
  /** The runtime's names of parameters that this endpoint's clients know by another. */
  public static final Map<String, String> ALIASES = Map.of("prompt", "input");

  /** As many as OpenAI's own service takes. */
  private static final int MAX_TEXTS = 2048;

  private static final List<Refusal> REFUSALS =
      List.of(
          new Refusal("truncate_prompt_tokens", Refusal::never, "see truncate"),
          new Refusal("prompt_embeds", Refusal::never, "inputs are texts"),
          new Refusal("messages", Value::isEmpty, "inputs are texts"),
          new Refusal("normalize", v -> v.is(true), "vectors are as the model gives them"));

  private EmbeddingEndpoint() {}

  /**
   * What a client has asked for, ready for the runtime.
   *
   * @param request the texts
   * @param base64 whether vectors are wanted as bytes and not as numbers
   */
  public record Call(EmbeddingRequest request, boolean base64) {}

  /** Reads a body. */
  public static Call read(Value body, ServingRuntime runtime, Caller caller) {
    Refusal.all(REFUSALS, body);
    ServedEmbeddingModel model = model(body, runtime);
    body.get("dimensions").ifPresent(dimensions -> check(dimensions, model));
    EmbeddingRequest.Builder request =
        EmbeddingRequest.builder(texts(body.require("input"))).model(model.name());
    caller.apply(request);
    GenerationFields.set(body, "priority", Value::integer, request::priority);
    GenerationFields.set(body, "truncate", Value::truth, request::truncate);
    return new Call(request.build(), base64(body));
  }

  private static ServedEmbeddingModel model(Value body, ServingRuntime runtime) {
    Optional<String> name = body.get("model").map(Value::text);
    List<ServedEmbeddingModel> models = runtime.embeddingModels();
    return models.stream()
        .filter(model -> name.isEmpty() || name.get().equals(model.name()))
        .findFirst()
        .orElseThrow(() -> unknown(name, models, runtime));
  }

  private static RuntimeException unknown(
      Optional<String> name, List<ServedEmbeddingModel> models, ServingRuntime runtime) {
    List<String> names = models.stream().map(ServedEmbeddingModel::name).toList();
    boolean generates =
        runtime.models().stream().map(ServedModel::name).anyMatch(m -> name.equals(Optional.of(m)));
    return generates
        ? ApiError.badRequest(
                "model",
                "invalid_value",
                "the model '%s' generates and does not embed; there is %s for that"
                    .formatted(
                        name.orElseThrow(), names.isEmpty() ? "none" : String.join(", ", names)))
            .raise()
        : name.map(n -> new UnknownModelException(n, names))
            .orElseGet(() -> UnknownModelException.none("embeds"));
  }

  private static void check(Value dimensions, ServedEmbeddingModel model) {
    dimensions.check(
        dimensions.integer() == model.dimensions(),
        "%d, which is what the vectors of '%s' have".formatted(model.dimensions(), model.name()));
  }

  private static List<String> texts(Value input) {
    if (input.isText()) {
      return List.of(text(input));
    }
    input.check(input.isArray() && !input.isEmpty(), "a string or an array of strings");
    List<Value> items = input.items();
    input.check(items.size() <= MAX_TEXTS, "an array of at most " + MAX_TEXTS + " strings");
    return items.stream().map(EmbeddingEndpoint::text).toList();
  }

  private static String text(Value input) {
    if (input.isNumber() || input.isArray()) {
      throw ApiError.badRequest(
              "input",
              "unsupported_parameter",
              "'input' must be texts, not token ids: those of another model's tokenizer would mean other words")
          .raise();
    }
    String text = input.text();
    input.check(!text.isEmpty(), "a text that is not empty");
    return text;
  }

  private static boolean base64(Value body) {
    Optional<Value> format = body.get("encoding_format");
    format.ifPresent(f -> f.check(f.is("float") || f.is("base64"), "float or base64"));
    return format.filter(f -> f.is("base64")).isPresent();
  }
}

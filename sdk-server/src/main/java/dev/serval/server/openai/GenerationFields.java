package dev.serval.server.openai;

import dev.serval.api.GenerationRequest;
import dev.serval.api.Sampling;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The fields that ask for the same thing in chat and text completions. */
final class GenerationFields {
  private GenerationFields() {}

  /**
   * Takes over who asks, how to draw, where to stop, how many choices and how urgent. The {@code
   * service_tier} can only lower what the host grants: {@code flex} yields as batches do.
   */
  static void apply(Value body, Caller caller, GenerationRequest.Builder request) {
    Refusal.all(Refusal.SHARED, body);
    boolean flexible = body.get("service_tier").filter(tier -> tier.is("flex")).isPresent();
    (flexible ? caller.yielding() : caller).apply(request);
    request.sampling(sampling(body)).choices(choices(body));
    set(body, "stop", GenerationFields::stopStrings, request::stopStrings);
    set(body, "stop_token_ids", Value::integers, ids -> request.stopTokenIds(setOf(ids)));
    set(body, "ignore_eos", Value::truth, request::ignoreEos);
    set(body, "priority", Value::integer, request::priority);
    set(body, "explain", Value::truth, request::explained);
  }

  static <T> void set(Value body, String field, Function<Value, T> read, Consumer<T> setter) {
    body.get(field).map(read).ifPresent(setter);
  }

  static boolean flag(Value body, String field) {
    return body.get(field).map(Value::truth).orElse(false);
  }

  static int atLeastOne(Value value) {
    int number = value.integer();
    value.check(number >= 1, "at least 1");
    return number;
  }

  /** How many choices each prompt has; {@code best_of} may only say the same. */
  static int choices(Value body) {
    int n = body.get("n").map(GenerationFields::atLeastOne).orElse(1);
    body.get("best_of")
        .ifPresent(best -> best.check(best.integer() == n, "the same as n, which is " + n));
    return n;
  }

  private static Sampling sampling(Value body) {
    Sampling.Builder sampling = Sampling.builder();
    set(body, "temperature", Value::number, sampling::temperature);
    set(body, "top_k", Value::integer, k -> sampling.topK(k == -1 ? 0 : k));
    set(body, "top_p", Value::number, sampling::topP);
    set(body, "min_p", Value::number, sampling::minP);
    set(body, "repetition_penalty", Value::number, sampling::repetitionPenalty);
    set(body, "presence_penalty", Value::number, sampling::presencePenalty);
    set(body, "frequency_penalty", Value::number, sampling::frequencyPenalty);
    set(body, "logit_bias", GenerationFields::logitBias, sampling::logitBias);
    set(body, "seed", Value::wide, sampling::seed);
    return sampling.build();
  }

  private static Map<Integer, Double> logitBias(Value field) {
    Map<Integer, Double> biases = new HashMap<>();
    field.fields().forEach((id, bias) -> biases.put(tokenId(field, id), bias.number()));
    return biases;
  }

  private static int tokenId(Value field, String id) {
    try {
      int token = Integer.parseInt(id);
      if (Integer.toString(token).equals(id) && token >= 0) {
        return token;
      }
    } catch (NumberFormatException notAnId) {
      // refused below, as every other key that is no token id
    }
    throw ApiError.badRequest(
            field.path(),
            "invalid_value",
            "'" + field.path() + "' goes from token ids to biases, and '" + clip(id) + "' is no id")
        .raise();
  }

  private static List<String> stopStrings(Value stop) {
    return stop.isText() ? List.of(stop.text()) : stop.items().stream().map(Value::text).toList();
  }

  private static Set<Integer> setOf(int[] ids) {
    return Arrays.stream(ids).boxed().collect(Collectors.toSet());
  }

  private static String clip(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "…";
  }
}

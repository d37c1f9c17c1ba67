package dev.serval.server.openai;

import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.List;
import java.util.function.Predicate;

/**
 * A field that clients know from elsewhere and that cannot be honoured here. To ignore it would
 * give the client something else than it asked for, so it is refused, unless it asks for what
 * happens anyway. Fields that nobody here has heard of are ignored, and named in the answer's head.
 *
 * @param field the field's name
 * @param harmless whether a value asks for what happens anyway
 * @param reason why it cannot be honoured
 */
record Refusal(String field, Predicate<Value> harmless, String reason) {
  static final List<Refusal> SHARED =
      List.of(
          new Refusal("use_beam_search", v -> v.is(false), "there is no beam search"),
          new Refusal("length_penalty", v -> v.is(1), "there is no beam search"),
          new Refusal("early_stopping", v -> v.is(false), "there is no beam search"),
          new Refusal("min_tokens", v -> v.is(0), "an end cannot be held off; see ignore_eos"),
          new Refusal(
              "prompt_logprobs", Refusal::never, "only generated tokens have log-probabilities"),
          new Refusal("include_stop_str_in_output", v -> v.is(false), "texts end before the stop"),
          new Refusal("skip_special_tokens", v -> v.is(true), "special tokens are never text"),
          new Refusal("return_tokens_as_token_ids", v -> v.is(false), "see return_token_ids"),
          new Refusal("truncate_prompt_tokens", Refusal::never, "prompts are taken whole"),
          new Refusal("bad_words", Value::isEmpty, "see logit_bias"),
          new Refusal("allowed_token_ids", Refusal::never, "see logit_bias"),
          new Refusal("logits_processors", Refusal::never, "see logit_bias"),
          new Refusal("prompt_embeds", Refusal::never, "prompts are texts or token ids"),
          new Refusal("response_format", Refusal::plainText, constrained()),
          new Refusal("structured_outputs", Refusal::never, constrained()),
          new Refusal("guided_json", Refusal::never, constrained()),
          new Refusal("guided_regex", Refusal::never, constrained()),
          new Refusal("guided_choice", Refusal::never, constrained()),
          new Refusal("guided_grammar", Refusal::never, constrained()));

  static final List<Refusal> CHAT =
      List.of(
          new Refusal("functions", Value::isEmpty, "there is no function calling"),
          new Refusal("function_call", Refusal::noTool, "there is no function calling"),
          new Refusal("tool_choice", Refusal::noTool, "there is no tool calling"),
          new Refusal("modalities", Refusal::textOnly, "answers are texts"),
          new Refusal("audio", Refusal::never, "answers are texts"),
          new Refusal("web_search_options", Refusal::never, "there is no web search"),
          new Refusal("verbosity", v -> v.is("medium"), "the verbosity cannot be chosen"),
          new Refusal("store", v -> v.is(false), "answers are not stored"),
          new Refusal("echo", v -> v.is(false), "a conversation is not repeated"),
          new Refusal("add_generation_prompt", v -> v.is(true), "the assistant always speaks next"),
          new Refusal("add_special_tokens", v -> v.is(false), "the chat template adds them"));

  static final List<Refusal> TEMPLATE =
      List.of(
          new Refusal(
              "continue_final_message", v -> v.is(false), "the assistant always begins anew"),
          new Refusal(
              "chat_template", Refusal::never, "conversations use the model's own template"),
          new Refusal("documents", Value::isEmpty, "the template takes messages alone"));

  static final List<Refusal> TEXT =
      List.of(
          new Refusal("suffix", Value::isEmpty, "texts are only continued at their end"),
          new Refusal(
              "add_special_tokens", v -> v.is(true), "send the prompt as token ids instead"));

  /** A conversation that must not use its tools may name some. */
  static void ofTools(Value body) {
    boolean unused = body.get("tool_choice").filter(v -> v.is("none")).isPresent();
    new Refusal("tools", v -> unused || v.isEmpty(), "there is no tool calling").check(body);
  }

  static void all(List<Refusal> refusals, Value body) {
    refusals.forEach(refusal -> refusal.check(body));
  }

  private void check(Value body) {
    body.get(field).filter(harmless.negate()).ifPresent(this::refuse);
  }

  private void refuse(Value value) {
    throw ApiError.badRequest(
            value.path(),
            "unsupported_parameter",
            "'" + field + "' cannot be honoured: " + reason + "; leave it out")
        .raise();
  }

  static boolean never(Value value) {
    return false;
  }

  private static boolean plainText(Value format) {
    return format.isObject() && format.get("type").filter(t -> t.is("text")).isPresent();
  }

  private static boolean noTool(Value choice) {
    return choice.is("none") || choice.is("auto");
  }

  private static boolean textOnly(Value modalities) {
    return modalities.isArray() && modalities.items().stream().allMatch(m -> m.is("text"));
  }

  private static String constrained() {
    return "answers are free text, not bound to a format";
  }
}

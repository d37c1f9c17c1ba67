package dev.serval.runtime.generation;

import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.InvalidRequestException.Reason;
import dev.serval.api.Prompt;
import dev.serval.api.model.TextCodec;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * Checks requests against a model and turns their prompts into tokens, on the caller's thread. What
 * is found wrong is told by the name that the OpenAI API has for it.
 *
 * @param model the model's name
 * @param codec how it reads text
 * @param vocabulary how many tokens it knows
 * @param contextLength how many tokens prompt and completion may have together
 * @param seeds gives seeds to requests without one
 */
public record RequestPreparation(
    String model, TextCodec codec, int vocabulary, int contextLength, LongSupplier seeds) {
  private static final int[] NONE = {};

  /**
   * Checks a request and encodes its prompt.
   *
   * @param id the runtime's name for it
   * @param request what the caller asks
   * @return the request as an engine can take it
   * @throws InvalidRequestException when it could never be served
   */
  public PreparedRequest prepare(String id, GenerationRequest request) {
    request.stopStrings().forEach(stop -> requireCharacters("stop", stop));
    requireTokens("stop_token_ids", request.stopTokenIds());
    requireTokens("logit_bias", request.sampling().logitBias().keySet());
    int[] prompt = encode(request.prompt());
    int maxTokens = maxTokens(request, prompt.length);
    Set<Integer> end = request.ignoreEos() ? Set.of() : codec.tokenizer().endOfSequence();
    Set<Integer> stop = new HashSet<>(request.stopTokenIds());
    stop.addAll(end);
    long seed = request.sampling().seed().orElseGet(seeds);
    int[] expected = encodePrediction(request.prediction());
    return new PreparedRequest(id, request, prompt, expected, maxTokens, end, stop, seed);
  }

  private int[] encode(Prompt prompt) {
    int[] tokens =
        switch (prompt) {
          case Prompt.Chat chat -> encode(chat);
          case Prompt.Text(String text) -> encode(text);
          case Prompt.Tokens ids -> ids.ids();
        };
    if (tokens.length == 0) {
      throw new InvalidRequestException(parameter(prompt), "the prompt has no token at all");
    }
    for (int token : tokens) {
      requireToken(parameter(prompt), token);
    }
    if (tokens.length >= contextLength) {
      throw tooLong(parameter(prompt), tokens.length);
    }
    return tokens;
  }

  private int[] encode(Prompt.Chat chat) {
    chat.messages().forEach(message -> requireCharacters("messages", message.role()));
    chat.messages().forEach(message -> requireCharacters("messages", message.content()));
    chat.variables()
        .values()
        .forEach(value -> requireCharacters("chat_template_kwargs", value.toString()));
    String text = codec.chatTemplate().orElseThrow(this::cannotConverse).render(chat, true);
    return codec.tokenizer().encode(text, false);
  }

  private int[] encode(String text) {
    requireCharacters("prompt", text);
    return codec.tokenizer().encode(text, true);
  }

  /**
   * Models may know fewer tokens than their tokenizer; a text with such others predicts nothing.
   */
  private int[] encodePrediction(String prediction) {
    requireCharacters("prediction", prediction);
    if (prediction.isEmpty()) {
      return NONE;
    }
    int[] tokens = codec.tokenizer().encode(prediction, false);
    return Arrays.stream(tokens).allMatch(token -> token < vocabulary) ? tokens : NONE;
  }

  private int maxTokens(GenerationRequest request, int promptTokens) {
    int room = contextLength - promptTokens;
    int wanted = request.maxTokens().orElse(room);
    if (wanted > room) {
      throw new InvalidRequestException(
          Reason.CONTEXT_LENGTH,
          "max_tokens",
          "model '%s' takes %d tokens in all; %d of the prompt and %d of max_tokens are %d"
              .formatted(model, contextLength, promptTokens, wanted, (long) promptTokens + wanted));
    }
    return wanted;
  }

  private InvalidRequestException tooLong(String parameter, int tokens) {
    return new InvalidRequestException(
        Reason.CONTEXT_LENGTH,
        parameter,
        "the prompt has %d tokens; model '%s' takes %d in all, at least one of them generated"
            .formatted(tokens, model, contextLength));
  }

  private InvalidRequestException cannotConverse() {
    return new InvalidRequestException(
        "messages", "model '" + model + "' has no chat template; give it a text or tokens instead");
  }

  private void requireTokens(String parameter, Collection<Integer> ids) {
    ids.forEach(id -> requireToken(parameter, id));
  }

  private void requireToken(String parameter, int id) {
    if (id < 0 || id >= vocabulary) {
      throw new InvalidRequestException(
          parameter,
          "%s: the tokens of model '%s' are 0 to %d, unlike %d"
              .formatted(parameter, model, vocabulary - 1, id));
    }
  }

  /** Half of a character outside the basic plane is no text that a tokenizer could encode. */
  private static void requireCharacters(String parameter, String text) {
    int at = 0;
    while (at < text.length()) {
      int character = text.codePointAt(at);
      if (Character.getType(character) == Character.SURROGATE) {
        throw new InvalidRequestException(
            parameter,
            "%s: the text has half a surrogate pair, U+%04X, at index %d"
                .formatted(parameter, character, at));
      }
      at += Character.charCount(character);
    }
  }

  private static String parameter(Prompt prompt) {
    return prompt instanceof Prompt.Chat ? "messages" : "prompt";
  }
}

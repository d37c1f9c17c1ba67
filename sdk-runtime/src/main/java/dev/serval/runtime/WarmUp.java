package dev.serval.runtime;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.IsolationScope;
import dev.serval.api.Prompt;
import dev.serval.api.TokenChunk;
import dev.serval.runtime.generation.LiveGeneration;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Makes a model generate before anybody asks it to, so that code is compiled, pages are mapped and
 * the first request runs at full speed. Ends after some tokens or some time, whichever is sooner: a
 * small model is quick, a large one spends its time in few loops, which are compiled soon. What it
 * leaves in the KV cache lies under a scope that no request has.
 */
final class WarmUp {
  private static final int TOKENS = 64;
  private static final long NANOS = 500_000_000;
  private static final IsolationScope SCOPE = IsolationScope.shared("serval warm-up");

  private final LongSupplier clock;

  WarmUp(LongSupplier clock) {
    this.clock = clock;
  }

  /** Lets a model generate a little, and fails as the generation does. */
  void run(LoadedModel model) {
    renderAndEncode(model);
    LiveGeneration generation = model.unheard().generation("warm-up", request(model), _ -> {});
    generation.begin();
    long begin = clock.getAsLong();
    for (TokenChunk _ : generation) {
      if (clock.getAsLong() - begin > NANOS) {
        generation.close();
      }
    }
  }

  private static GenerationRequest request(LoadedModel model) {
    int half = Math.max(1, Math.min(TOKENS, model.contextLength() / 2));
    int vocabulary = model.stored().spec().vocabulary();
    int[] prompt = new int[half];
    for (int i = 0; i < half; i++) {
      prompt[i] = (int) (7919L * i % vocabulary);
    }
    return GenerationRequest.builder(Prompt.tokens(prompt))
        .maxTokens(Math.max(1, Math.min(TOKENS, model.contextLength() - half)))
        .ignoreEos(true)
        .scope(SCOPE)
        .build();
  }

  /** A template may refuse a conversation that is not to its taste. */
  private static void renderAndEncode(LoadedModel model) {
    try {
      String text =
          model
              .stored()
              .codec()
              .chatTemplate()
              .map(template -> template.render(List.of(ChatMessage.user("Hello")), true))
              .orElse("Hello");
      model.stored().codec().tokenizer().encode(text, false);
    } catch (InvalidRequestException refused) {
      // It was rendered as far as it goes, and that is enough.
    }
  }
}

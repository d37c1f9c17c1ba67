package dev.serval.runtime;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.IsolationScope;
import dev.serval.api.LoadListener;
import dev.serval.api.Prompt;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.device.DeviceKind;
import dev.serval.runtime.generation.LiveGeneration;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Makes a model generate before anybody asks it to, so that code is compiled, pages are mapped and
 * the first request runs at full speed: in each of {@linkplain WarmUpRounds some rounds} a sequence
 * is decoded alone, then a prompt is read while a few others are decoded side by side. What it
 * leaves in the KV cache lies under a scope that no request has.
 */
final class WarmUp {
  private static final int SHORT_PROMPT = 2;
  private static final int TOKENS = 16;
  private static final int SEQUENCES = 4;
  private static final IsolationScope SCOPE = IsolationScope.shared("serval warm-up");

  private final LongSupplier clock;
  private final WarmUpRounds rounds;
  private final long longest;
  private final int mostSequences;

  /**
   * With a clock.
   *
   * @param clock in nanoseconds
   * @param longest after which it ends
   * @param mostSequences of a step
   * @param listener hears how far it has come
   */
  WarmUp(LongSupplier clock, Duration longest, int mostSequences, LoadListener listener) {
    this.clock = clock;
    this.longest = longest.toNanos();
    this.mostSequences = mostSequences;
    rounds = new WarmUpRounds(clock, WarmUpRounds.compiling(), longest, listener);
  }

  /** Lets a model generate a little, and fails as the generation does. */
  void run(LoadedModel model) {
    renderAndEncode(model);
    LoadedModel unheard = model.unheard();
    rounds.run((round, prompt, end) -> generate(unheard, prompt, round, end));
    if (model.placed().placement().device().kind() == DeviceKind.GPU) {
      decodeSideBySide(unheard);
    }
  }

  /** A GPU's backend records decode steps by how many sequences they have. */
  private void decodeSideBySide(LoadedModel model) {
    long end = clock.getAsLong() + longest;
    for (int count = 1; count <= mostSequences && clock.getAsLong() < end; count *= 2) {
      sideBySide(model, new ArrayList<>(), count, 0, end);
    }
  }

  /** One round, which takes two sequences' tokens one after the other. */
  private int generate(LoadedModel model, int prompt, int round, long end) {
    int number = round * (SEQUENCES + 1);
    finish(begin(model, SHORT_PROMPT, number + SEQUENCES), end);
    List<LiveGeneration> begun = new ArrayList<>();
    begun.add(begin(model, prompt, number));
    sideBySide(model, begun, SEQUENCES, number, end);
    return prompt + 2 * TOKENS;
  }

  /** Begins some that hardly have a prompt beside those begun, and finishes all. */
  private void sideBySide(
      LoadedModel model, List<LiveGeneration> begun, int count, int number, long end) {
    try {
      while (begun.size() < count) {
        begun.add(begin(model, SHORT_PROMPT, number + begun.size()));
      }
    } catch (RequestRejectedException full) {
      // As many as the engine takes at once are enough.
    }
    begun.forEach(generation -> finish(generation, end));
  }

  private static LiveGeneration begin(LoadedModel model, int tokens, int number) {
    return model.submit("warm-up", request(model, tokens, number), _ -> {});
  }

  private void finish(LiveGeneration generation, long end) {
    for (TokenChunk _ : generation) {
      if (clock.getAsLong() > end) {
        generation.close();
      }
    }
  }

  /** Each begins with another token, so that nothing is found again. */
  private static GenerationRequest request(LoadedModel model, int tokens, int number) {
    int half = Math.max(1, Math.min(tokens, model.contextLength() / 2));
    int vocabulary = model.stored().spec().vocabulary();
    int[] prompt = new int[half];
    for (int i = 0; i < half; i++) {
      prompt[i] = (int) ((number + 7919L * i) % vocabulary);
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

package dev.serval.runtime;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.IsolationScope;
import dev.serval.api.Prompt;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.device.DeviceKind;
import dev.serval.runtime.generation.LiveGeneration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Makes a model generate before anybody asks it to, so that code is compiled, pages are mapped and
 * the first request runs at full speed: prompts are read and sequences decoded side by side, in
 * rounds, until rounds get no faster or some time has passed. A small model takes many quick
 * rounds; a large one spends its time in few loops, which are compiled within the first. What it
 * leaves in the KV cache lies under a scope that no request has.
 */
final class WarmUp {
  private static final long NANOS = 2_000_000_000;
  private static final int FIRST_PROMPT = 32;
  private static final int LONGEST_PROMPT = 256;
  private static final int SHORT_PROMPT = 4;
  private static final int TOKENS = 16;
  private static final int SEQUENCES = 4;
  private static final double FASTER = 0.95;
  private static final int PATIENCE = 3;
  private static final IsolationScope SCOPE = IsolationScope.shared("serval warm-up");

  private final LongSupplier clock;

  private final int mostSequences;

  /**
   * With a clock.
   *
   * @param clock in nanoseconds
   * @param mostSequences of a step
   */
  WarmUp(LongSupplier clock, int mostSequences) {
    this.clock = clock;
    this.mostSequences = mostSequences;
  }

  /** Lets a model generate a little, and fails as the generation does. */
  void run(LoadedModel model) {
    renderAndEncode(model);
    long end = clock.getAsLong() + NANOS;
    double best = Double.POSITIVE_INFINITY;
    int prompt = FIRST_PROMPT;
    int round = 0;
    for (int same = 0; same < PATIENCE && clock.getAsLong() < end; round++) {
      long begin = clock.getAsLong();
      generate(model.unheard(), prompt, round, end);
      double each = (double) (clock.getAsLong() - begin) / (prompt + TOKENS);
      same = each < FASTER * best ? 0 : same + 1;
      best = Math.min(best, each);
      prompt = Math.min(2 * prompt, LONGEST_PROMPT);
    }
    if (model.placed().placement().device().kind() == DeviceKind.GPU) {
      decodeSideBySide(model);
    }
  }

  /** A GPU's backend records decode steps by how many sequences they have. */
  private void decodeSideBySide(LoadedModel model) {
    long end = clock.getAsLong() + NANOS;
    for (int count = 1; count <= mostSequences && clock.getAsLong() < end; count *= 2) {
      List<LiveGeneration> begun = new ArrayList<>();
      try {
        while (begun.size() < count) {
          begun.add(begin(model.unheard(), SHORT_PROMPT, begun.size()));
        }
      } catch (RequestRejectedException full) {
        // As many as the engine takes at once are enough.
      }
      begun.forEach(generation -> finish(generation, end));
    }
  }

  /** One round: a prompt, and beside it some sequences that hardly have one. */
  private void generate(LoadedModel model, int prompt, int round, long end) {
    List<LiveGeneration> begun = new ArrayList<>();
    begun.add(begin(model, prompt, round * SEQUENCES));
    try {
      while (begun.size() < SEQUENCES) {
        begun.add(begin(model, SHORT_PROMPT, round * SEQUENCES + begun.size()));
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

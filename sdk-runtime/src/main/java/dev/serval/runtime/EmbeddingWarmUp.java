package dev.serval.runtime;

import dev.serval.api.EmbeddingRequest;
import dev.serval.runtime.embedding.TextEmbedder;
import java.util.Collections;

/**
 * Makes an embedding model compute texts before anybody asks it to: in each of {@linkplain
 * WarmUpRounds some rounds} a text alone, then a few at once.
 */
final class EmbeddingWarmUp {
  private static final int TEXTS = 4;

  private final WarmUpRounds rounds;
  private final int atOnce;

  /**
   * A warm-up.
   *
   * @param rounds decides how long
   * @param mostWaiting texts that may wait
   */
  EmbeddingWarmUp(WarmUpRounds rounds, int mostWaiting) {
    this.rounds = rounds;
    atOnce = Math.min(TEXTS, mostWaiting);
  }

  /** Has texts computed, and fails as they do. */
  void run(TextEmbedder embedder) {
    rounds.run((_, words, _) -> {
      String text = "word ".repeat(words);
      return embed(embedder, text, 1) + embed(embedder, text, atOnce);
    });
  }

  /** How many tokens the same text has, so many times over. */
  private static int embed(TextEmbedder embedder, String text, int times) {
    EmbeddingRequest request =
        EmbeddingRequest.builder(Collections.nCopies(times, text)).truncate(true).build();
    return embedder.embed(request, "warm-up", () -> {}).join().promptTokens();
  }
}

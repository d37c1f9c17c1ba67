package dev.serval.api;

import java.time.Duration;
import java.util.List;

/**
 * The vectors of some texts.
 *
 * @param model the name of the model that embedded them
 * @param vectors a vector for each text, in their order, of as many numbers as the model has
 *     dimensions; the caller's own
 * @param promptTokens how many tokens the texts have together, those that the model puts around
 *     each included
 * @param total from submission until the last vector was there
 */
public record EmbeddingResult(
    String model, List<float[]> vectors, int promptTokens, Duration total) {
  /** Copies the list. */
  public EmbeddingResult {
    vectors = List.copyOf(vectors);
  }
}

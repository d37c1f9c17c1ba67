package dev.serval.api;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What one step added to one choice. Text arrives in whole characters and never reaches into what
 * may become a stop string, so a chunk may carry tokens without text and text of earlier tokens.
 *
 * @param choice which of the choices, from 0
 * @param text the text that is now certain; may be empty
 * @param reasoning what the model thinks before it answers, as far as it is now certain; empty but
 *     in conversations with models that do
 * @param tokenIds the tokens that were generated
 * @param logprobs one entry for each token if the request asked for them, else empty
 * @param finish why the choice ended, in its last chunk alone; otherwise null
 */
public record TokenChunk(
    int choice,
    String text,
    String reasoning,
    List<Integer> tokenIds,
    List<TokenLogprob> logprobs,
    @Nullable FinishReason finish) {
  /** Copies the lists. */
  public TokenChunk {
    tokenIds = List.copyOf(tokenIds);
    logprobs = List.copyOf(logprobs);
  }

  /**
   * Why the choice ended.
   *
   * @return the reason in the choice's last chunk, empty before
   */
  public Optional<FinishReason> finishReason() {
    return Optional.ofNullable(finish);
  }
}

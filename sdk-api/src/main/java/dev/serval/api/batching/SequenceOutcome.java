package dev.serval.api.batching;

import dev.serval.api.FinishReason;
import dev.serval.api.Timeline;
import org.jspecify.annotations.Nullable;

/**
 * How a sequence ended. Times are readings of the engine's clock in nanoseconds, comparable with
 * each other alone.
 *
 * @param reason why it ended; {@link FinishReason#CANCELLED} also when it failed
 * @param failure what failed, or null
 * @param promptTokens the tokens of its prompt
 * @param cachedPromptTokens those found in the cache when it first ran
 * @param generatedTokens the tokens generated
 * @param preemptions how often it had to give way
 * @param draftedTokens the tokens that were guessed and verified
 * @param acceptedTokens those of them that were right
 * @param submittedNanos when it was handed over
 * @param firstStepNanos when the first step that worked on it began; the end if none did
 * @param firstTokenNanos when its first token was drawn; the end if none was
 * @param endedNanos when it ended
 * @param timeline where its time went from the hand-over until its end, if it was to be explained,
 *     or null
 */
public record SequenceOutcome(
    FinishReason reason,
    @Nullable Throwable failure,
    int promptTokens,
    int cachedPromptTokens,
    int generatedTokens,
    int preemptions,
    int draftedTokens,
    int acceptedTokens,
    long submittedNanos,
    long firstStepNanos,
    long firstTokenNanos,
    long endedNanos,
    @Nullable Timeline timeline) {
  /**
   * Of a sequence that was given up before any step worked on it.
   *
   * @param promptTokens the tokens of its prompt
   * @param submittedNanos when it was handed over
   * @param endedNanos when it was given up
   * @return the outcome, cancelled
   */
  public static SequenceOutcome givenUp(int promptTokens, long submittedNanos, long endedNanos) {
    return new SequenceOutcome(
        FinishReason.CANCELLED,
        null,
        promptTokens,
        0,
        0,
        0,
        0,
        0,
        submittedNanos,
        endedNanos,
        endedNanos,
        endedNanos,
        null);
  }
}

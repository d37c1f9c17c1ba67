package dev.serval.api;

/**
 * The tokens a generation took.
 *
 * @param promptTokens the tokens of the prompt, counted once however many choices were asked for
 * @param cachedPromptTokens those of them whose KV was found and not computed
 * @param completionTokens the tokens generated, over all choices
 * @param draftedTokens the tokens that were guessed and verified, over all choices
 * @param acceptedTokens those of them that were right, and are among those generated
 */
public record Usage(
    int promptTokens,
    int cachedPromptTokens,
    int completionTokens,
    int draftedTokens,
    int acceptedTokens) {
  /**
   * Without drafts.
   *
   * @param promptTokens the tokens of the prompt, counted once however many choices were asked for
   * @param cachedPromptTokens those of them whose KV was found and not computed
   * @param completionTokens the tokens generated, over all choices
   */
  public Usage(int promptTokens, int cachedPromptTokens, int completionTokens) {
    this(promptTokens, cachedPromptTokens, completionTokens, 0, 0);
  }

  /**
   * Prompt and completion together.
   *
   * @return their sum
   */
  public int totalTokens() {
    return promptTokens + completionTokens;
  }
}

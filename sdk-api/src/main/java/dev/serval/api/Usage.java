package dev.serval.api;

/**
 * The tokens a generation took.
 *
 * @param promptTokens the tokens of the prompt, counted once however many choices were asked for
 * @param cachedPromptTokens those of them whose KV was found and not computed
 * @param completionTokens the tokens generated, over all choices
 */
public record Usage(int promptTokens, int cachedPromptTokens, int completionTokens) {
  /**
   * Prompt and completion together.
   *
   * @return their sum
   */
  public int totalTokens() {
    return promptTokens + completionTokens;
  }
}

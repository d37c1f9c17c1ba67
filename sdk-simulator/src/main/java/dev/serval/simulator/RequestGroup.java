package dev.serval.simulator;

/**
 * What became of some requests: all, those of a class or those of a tenant. Times are those of the
 * admitted ones, counted from their arrival.
 *
 * @param arrived how many arrived
 * @param refused how many of them were not admitted
 * @param completed how many came to their last token
 * @param queue until the first step that worked on a request
 * @param firstToken until a request's first token (TTFT)
 * @param gap between two tokens of a request (ITL)
 * @param total until a request's end
 * @param promptTokens the prompt tokens of the completed
 * @param cachedPromptTokens those found in the cache when a request first ran
 * @param generatedTokens the tokens they generated
 * @param preemptions how often one of them had to give way
 */
public record RequestGroup(
    int arrived,
    int refused,
    int completed,
    Latencies queue,
    Latencies firstToken,
    Latencies gap,
    Latencies total,
    long promptTokens,
    long cachedPromptTokens,
    long generatedTokens,
    int preemptions) {
  /**
   * How much of the prompts was found in the cache.
   *
   * @return a share of the prompt tokens, from 0 to 1
   */
  public double hitRate() {
    return promptTokens == 0 ? 0 : (double) cachedPromptTokens / promptTokens;
  }
}

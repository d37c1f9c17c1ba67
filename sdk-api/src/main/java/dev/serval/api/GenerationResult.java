package dev.serval.api;

import java.util.List;

/**
 * A finished generation.
 *
 * @param choices the choices, in their order
 * @param promptTokenIds the prompt as the model saw it
 * @param usage the tokens it took
 * @param timings when things happened
 * @param timelines where the time of each choice went, if the request asked for it, else empty
 */
public record GenerationResult(
    List<Choice> choices,
    List<Integer> promptTokenIds,
    Usage usage,
    Timings timings,
    List<Timeline> timelines) {
  /** Copies the lists. */
  public GenerationResult {
    choices = List.copyOf(choices);
    promptTokenIds = List.copyOf(promptTokenIds);
    timelines = List.copyOf(timelines);
  }

  /**
   * A finished generation that is not explained.
   *
   * @param choices the choices, in their order
   * @param promptTokenIds the prompt as the model saw it
   * @param usage the tokens it took
   * @param timings when things happened
   */
  public GenerationResult(
      List<Choice> choices, List<Integer> promptTokenIds, Usage usage, Timings timings) {
    this(choices, promptTokenIds, usage, timings, List.of());
  }

  /**
   * The same with timelines.
   *
   * @param told where the time of each choice went
   * @return a copy
   */
  public GenerationResult explained(List<Timeline> told) {
    return new GenerationResult(choices, promptTokenIds, usage, timings, told);
  }

  /**
   * One continuation of the prompt.
   *
   * @param text the whole text, without the stop string or the special token that ended it
   * @param reasoning what the model thought before it answered; empty but in conversations with
   *     models that do
   * @param tokenIds the tokens generated, the one that ended it included
   * @param logprobs one entry for each token if the request asked for them, else empty
   * @param finishReason why it ended
   */
  public record Choice(
      String text,
      String reasoning,
      List<Integer> tokenIds,
      List<TokenLogprob> logprobs,
      FinishReason finishReason) {
    /** Copies the lists. */
    public Choice {
      tokenIds = List.copyOf(tokenIds);
      logprobs = List.copyOf(logprobs);
    }
  }

  /**
   * The text of the first choice.
   *
   * @return its text
   */
  public String text() {
    return choices.getFirst().text();
  }
}

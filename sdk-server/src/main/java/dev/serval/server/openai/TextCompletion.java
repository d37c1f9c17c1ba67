package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A text answer, whole or a piece of it: both have the same shape.
 *
 * @param usage a {@link UsageBody} in a whole answer, a {@link UsageSlot} or nothing in a piece
 */
record TextCompletion(
    @JsonUnwrapped AnswerHead head, String object, List<Choice> choices, @Nullable Object usage) {
  static TextCompletion of(AnswerHead head, List<Choice> choices, @Nullable Object usage) {
    return new TextCompletion(head, "text_completion", choices, usage);
  }

  /** One continuation of one prompt, or what is new in it. */
  record Choice(
      int index,
      String text,
      @JsonInclude(Include.ALWAYS) @Nullable TextLogprobs logprobs,
      @JsonInclude(Include.ALWAYS) @Nullable String finishReason,
      @Nullable List<Integer> tokenIds,
      @Nullable List<Integer> promptTokenIds) {}
}

package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A whole chat answer. */
record ChatCompletion(
    @JsonUnwrapped AnswerHead head,
    String object,
    List<Choice> choices,
    UsageBody usage,
    @Nullable List<Integer> promptTokenIds) {
  /** One continuation of the conversation. */
  record Choice(
      int index,
      Message message,
      @JsonInclude(Include.ALWAYS) @Nullable ChatLogprobs logprobs,
      @Nullable String finishReason,
      @Nullable List<Integer> tokenIds) {}

  /** What the assistant says, and what it thought before if it did. */
  record Message(
      String role,
      String content,
      @Nullable String reasoningContent,
      @JsonInclude(Include.ALWAYS) @Nullable String refusal) {}
}

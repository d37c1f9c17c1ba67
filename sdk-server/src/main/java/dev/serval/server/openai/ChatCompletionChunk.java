package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A piece of a streamed chat answer. */
record ChatCompletionChunk(
    @JsonUnwrapped AnswerHead head,
    String object,
    List<Choice> choices,
    @Nullable UsageSlot usage,
    @Nullable List<Integer> promptTokenIds) {
  /** What is new in one continuation. */
  record Choice(
      int index,
      Delta delta,
      @JsonInclude(Include.ALWAYS) @Nullable ChatLogprobs logprobs,
      @JsonInclude(Include.ALWAYS) @Nullable String finishReason,
      @Nullable List<Integer> tokenIds) {}

  /** The role in a choice's first piece, and the text or thought that is new. */
  record Delta(
      @Nullable String role, @Nullable String content, @Nullable String reasoningContent) {}
}

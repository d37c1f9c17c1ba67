package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.TokenChunk;
import dev.serval.api.TokenLogprob;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Chat answers.
 *
 * @param logprobs whether they were asked for
 * @param reasoning whether what models think is to be returned
 * @param tokenIds whether token ids are to be returned
 * @param promptTokenIds the prompt's tokens for a stream that returns token ids
 */
record ChatFormat(
    boolean logprobs, boolean reasoning, boolean tokenIds, List<Integer> promptTokenIds)
    implements AnswerFormat {
  @Override
  public String idPrefix() {
    return "chatcmpl-";
  }

  @Override
  public Object whole(AnswerHead head, List<GenerationResult> results) {
    GenerationResult result = results.getFirst();
    List<ChatCompletion.Choice> choices =
        IntStream.range(0, result.choices().size())
            .mapToObj(i -> choice(i, result.choices().get(i)))
            .toList();
    return new ChatCompletion(
        head, "chat.completion", choices, UsageBody.of(results), ids(result.promptTokenIds()));
  }

  private ChatCompletion.Choice choice(int index, GenerationResult.Choice choice) {
    return new ChatCompletion.Choice(
        index,
        new ChatCompletion.Message("assistant", choice.text(), reasoning(choice.reasoning()), null),
        logprobs(choice.logprobs()),
        FinishReasons.spelt(choice.finishReason()),
        ids(choice.tokenIds()));
  }

  @Override
  public Chunks chunks(AnswerHead head, int prompt, boolean includeUsage) {
    UsageSlot usage = includeUsage ? UsageSlot.PENDING : null;
    BitSet begun = new BitSet();
    return chunk -> {
      boolean first = !begun.get(chunk.choice());
      List<Integer> promptIds = begun.isEmpty() ? ids(promptTokenIds) : null;
      begun.set(chunk.choice());
      return chunk(head, List.of(piece(chunk, first)), usage, promptIds);
    };
  }

  private ChatCompletionChunk.Choice piece(TokenChunk chunk, boolean first) {
    return new ChatCompletionChunk.Choice(
        chunk.choice(),
        delta(chunk, first),
        logprobs(chunk.logprobs()),
        FinishReasons.spelt(chunk.finish()),
        ids(chunk.tokenIds()));
  }

  private ChatCompletionChunk.Delta delta(TokenChunk chunk, boolean first) {
    String thought = reasoning(chunk.reasoning());
    boolean silent = !first && (thought != null || chunk.finish() != null);
    return new ChatCompletionChunk.Delta(
        first ? "assistant" : null,
        silent && chunk.text().isEmpty() ? null : chunk.text(),
        thought);
  }

  /** None is left out rather than empty, as clients of models without know it. */
  private @Nullable String reasoning(String thought) {
    return reasoning && !thought.isEmpty() ? thought : null;
  }

  @Override
  public Object usage(AnswerHead head, List<GenerationResult> results) {
    return chunk(head, List.of(), new UsageSlot(UsageBody.of(results)), null);
  }

  private static ChatCompletionChunk chunk(
      AnswerHead head,
      List<ChatCompletionChunk.Choice> choices,
      @Nullable UsageSlot usage,
      @Nullable List<Integer> promptIds) {
    return new ChatCompletionChunk(head, "chat.completion.chunk", choices, usage, promptIds);
  }

  private @Nullable ChatLogprobs logprobs(List<TokenLogprob> tokens) {
    return logprobs ? ChatLogprobs.of(tokens) : null;
  }

  private @Nullable List<Integer> ids(List<Integer> ids) {
    return tokenIds ? ids : null;
  }
}

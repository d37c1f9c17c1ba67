package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.TokenChunk;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Text answers, over one or several prompts.
 *
 * @param choices how many there are for each prompt
 * @param logprobs whether they were asked for
 * @param echoes the text that each prompt's choices begin with: empty, or the prompt's own
 * @param tokenIds whether token ids are to be returned
 * @param promptTokenIds each prompt's tokens for a stream that returns token ids
 */
record TextFormat(
    int choices,
    boolean logprobs,
    List<String> echoes,
    boolean tokenIds,
    List<List<Integer>> promptTokenIds)
    implements AnswerFormat {
  @Override
  public String idPrefix() {
    return "cmpl-";
  }

  @Override
  public Object whole(AnswerHead head, List<GenerationResult> results) {
    List<TextCompletion.Choice> all =
        IntStream.range(0, results.size())
            .boxed()
            .flatMap(p -> choices(p, results.get(p)))
            .toList();
    return TextCompletion.of(head, all, UsageBody.of(results));
  }

  private Stream<TextCompletion.Choice> choices(int prompt, GenerationResult result) {
    return IntStream.range(0, result.choices().size()).mapToObj(i -> choice(prompt, i, result));
  }

  private TextCompletion.Choice choice(int prompt, int index, GenerationResult result) {
    GenerationResult.Choice choice = result.choices().get(index);
    String echo = echoes.get(prompt);
    return new TextCompletion.Choice(
        prompt * choices + index,
        echo + choice.text(),
        logprobs ? TextLogprobs.of(choice.logprobs(), echo.length()) : null,
        FinishReasons.spelt(choice.finishReason()),
        ids(choice.tokenIds()),
        ids(result.promptTokenIds()));
  }

  @Override
  public Chunks chunks(AnswerHead head, int prompt, boolean includeUsage) {
    return new Pieces(head, prompt, includeUsage ? UsageSlot.PENDING : null);
  }

  @Override
  public Object usage(AnswerHead head, List<GenerationResult> results) {
    return TextCompletion.of(head, List.of(), new UsageSlot(UsageBody.of(results)));
  }

  private @Nullable List<Integer> ids(List<Integer> ids) {
    return tokenIds ? ids : null;
  }

  /**
   * One prompt's part of a stream: remembers which choices have begun and how far their texts are.
   */
  private final class Pieces implements Chunks {
    private final AnswerHead head;
    private final int prompt;
    private final @Nullable UsageSlot usage;
    private final boolean[] begun = new boolean[choices];
    private final int[] offsets = new int[choices];

    Pieces(AnswerHead head, int prompt, @Nullable UsageSlot usage) {
      this.head = head;
      this.prompt = prompt;
      this.usage = usage;
    }

    @Override
    public Object next(TokenChunk chunk) {
      int choice = chunk.choice();
      boolean first = !begun[choice];
      begun[choice] = true;
      String echo = first ? echoes.get(prompt) : "";
      int offset = offsets[choice] + echo.length();
      offsets[choice] = TextLogprobs.end(chunk.logprobs(), offset);
      TextCompletion.Choice piece =
          new TextCompletion.Choice(
              prompt * choices + choice,
              echo + chunk.text(),
              logprobs ? TextLogprobs.of(chunk.logprobs(), offset) : null,
              FinishReasons.spelt(chunk.finish()),
              ids(chunk.tokenIds()),
              first && tokenIds ? promptTokenIds.get(prompt) : null);
      return TextCompletion.of(head, List.of(piece), usage);
    }
  }
}

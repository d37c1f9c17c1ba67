package dev.serval.server.openai;

import dev.serval.api.GenerationResult;
import dev.serval.api.TokenChunk;
import java.util.List;

/**
 * How the results of a request's prompts look to the client: one object, or a stream of them. Every
 * object is a record that is written as JSON.
 */
public interface AnswerFormat {
  /** What ids of this kind of answer begin with. */
  String idPrefix();

  /**
   * The whole answer.
   *
   * @param head what it begins with
   * @param results one for each prompt, in their order
   */
  Object whole(AnswerHead head, List<GenerationResult> results);

  /**
   * Starts the stream of one prompt's choices.
   *
   * @param head what every chunk begins with
   * @param prompt which of the prompts, from 0
   * @param includeUsage whether the stream ends with its usage
   */
  Chunks chunks(AnswerHead head, int prompt, boolean includeUsage);

  /** The last chunk of a stream that includes its usage: no choices, all tokens. */
  Object usage(AnswerHead head, List<GenerationResult> results);

  /** One prompt's part of a stream; used by one thread at a time. */
  @FunctionalInterface
  interface Chunks {
    /** The next chunk as the client sees it. */
    Object next(TokenChunk chunk);
  }
}

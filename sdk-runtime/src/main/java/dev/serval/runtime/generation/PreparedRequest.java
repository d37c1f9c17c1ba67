package dev.serval.runtime.generation;

import dev.serval.api.GenerationRequest;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.ServiceTerms;
import java.util.Set;

/**
 * A request that was checked against its model.
 *
 * @param id the runtime's name for it
 * @param request what the caller asked
 * @param prompt the prompt's tokens
 * @param prediction the tokens that an answer is expected to have
 * @param maxTokens how many tokens each choice may have
 * @param endTokens the model's own end-of-sequence tokens, unless they are to be ignored
 * @param stopTokens these and those the caller named
 * @param seed where the first choice's draw begins
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record PreparedRequest(
    String id,
    GenerationRequest request,
    int[] prompt,
    int[] prediction,
    int maxTokens,
    Set<Integer> endTokens,
    Set<Integer> stopTokens,
    long seed) {

  /** The sequence of one choice, which the engine explains or does not. */
  SequenceRequest sequence(int choice, boolean explained) {
    return SequenceRequest.builder(sequenceId(choice), prompt, maxTokens)
        .prediction(prediction)
        .sampling(request.sampling(), seed + choice)
        .alternatives(request.logprobs().orElse(-1))
        .stopTokens(stopTokens)
        .priority(request.priority())
        .scope(request.scope())
        .terms(ServiceTerms.of(request))
        .explained(explained)
        .build();
  }

  /** What the engine calls one choice. */
  String sequenceId(int choice) {
    return choice == 0 ? id : id + "/" + choice;
  }
}

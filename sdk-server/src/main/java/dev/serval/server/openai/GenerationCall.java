package dev.serval.server.openai;

import dev.serval.api.GenerationRequest;
import dev.serval.api.ServedModel;
import java.util.List;

/**
 * What a client has asked for, ready for the runtime.
 *
 * @param model which model is to answer
 * @param requests one for each prompt
 * @param delivery whole or as a stream
 * @param format how the answer looks
 */
public record GenerationCall(
    ServedModel model, List<GenerationRequest> requests, Delivery delivery, AnswerFormat format) {
  /**
   * How many choices the answer has.
   *
   * @return the sum over all prompts
   */
  public long choices() {
    return requests.stream().mapToLong(GenerationRequest::choices).sum();
  }
}

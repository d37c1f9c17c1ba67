package dev.serval.server.openai;

import dev.serval.api.ServingRuntime;
import dev.serval.server.json.Value;
import java.util.Map;

/**
 * What the body of one kind of request means. Works on the prompt, so never called on an event
 * loop.
 */
public interface GenerationEndpoint {
  /**
   * Reads a body.
   *
   * @param body the object received
   * @param runtime whose models are asked for
   * @param caller who asks
   * @return the call
   * @throws RuntimeException of a kind that {@link dev.serval.server.errors.Failures} knows
   */
  GenerationCall read(Value body, ServingRuntime runtime, Caller caller);

  /** The runtime's names of parameters that this endpoint's clients know by another. */
  Map<String, String> aliases();
}

package dev.serval.server.exchange;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.ServingRuntime;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/**
 * What all exchanges of some routes share.
 *
 * @param runtime who answers
 * @param offload where bodies are read and written
 * @param gate how many exchanges there may be at once
 * @param maxChoices how many choices one of them may ask for, over all of its prompts
 * @param timeout how long one of them may take
 * @param clock tells when a request was taken
 */
public record ExchangeSettings(
    ServingRuntime runtime,
    Offload offload,
    Gate gate,
    int maxChoices,
    Optional<Duration> timeout,
    Clock clock) {
  void checkChoices(long choices) {
    if (choices > maxChoices) {
      throw new InvalidRequestException(
          "n", "at most " + maxChoices + " choices can be had over all prompts, not " + choices);
    }
  }
}

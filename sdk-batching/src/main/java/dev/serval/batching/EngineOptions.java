package dev.serval.batching;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvCache;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;
import java.util.concurrent.ThreadFactory;
import java.util.function.LongSupplier;

/**
 * What an engine is made of.
 *
 * @param name the engine's name, which its thread bears and its refusals mention
 * @param executor the model it runs; the engine's alone while the engine lives, and not closed by
 *     it
 * @param cache the books on the executor's KV memory, with no block held; the engine's alone as
 *     well
 * @param limits how large a step may be; what the executor was loaded with
 * @param contextLength the most tokens of a sequence that the model can attend to, at least 2
 * @param policies the engine's decisions
 * @param listener hears what the engine does, on its thread
 * @param nanoClock a reading in nanoseconds that never goes back; asked on callers' threads too
 * @param threads makes the engine's one thread; its handler of uncaught exceptions hears what sinks
 *     and listeners throw where nobody else could be told, and what ended the engine if it failed
 */
public record EngineOptions(
    String name,
    ModelExecutor executor,
    KvCache cache,
    StepLimits limits,
    int contextLength,
    BatchingPolicies policies,
    EngineListener listener,
    LongSupplier nanoClock,
    ThreadFactory threads) {
  /** Refuses what no sequence could run in. */
  public EngineOptions {
    if (name.isBlank()) {
      throw new IllegalArgumentException("an engine's name is not blank");
    }
    if (contextLength < 2) {
      throw new IllegalArgumentException(
          "a context holds a token of the prompt and one of the completion, but contextLength is "
              + contextLength);
    }
    int most = cache.demand().longest(cache.totalBlocks(), contextLength);
    if (most < 2) {
      throw new IllegalArgumentException("the KV cache holds only " + most + " token");
    }
  }

  /** The most tokens of prompt and completion together. */
  int maxSequenceTokens() {
    return cache.demand().longest(cache.totalBlocks(), contextLength);
  }
}

package dev.serval.runtime.generation;

import dev.serval.api.batching.Engine;
import dev.serval.api.model.TextCodec;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/**
 * What the generations of one model share.
 *
 * @param engine computes them
 * @param codec decodes their tokens
 * @param clock nanoseconds, as the engine reads them
 * @param delivery where the application's code is called
 * @param bufferTokens how many tokens a reader may lag behind
 * @param listener hears about them
 */
public record GenerationEnvironment(
    Engine engine,
    TextCodec codec,
    LongSupplier clock,
    Executor delivery,
    int bufferTokens,
    GenerationListener listener) {
  /**
   * The same, but for who hears about generations.
   *
   * @param other hears about them
   * @return a copy
   */
  public GenerationEnvironment withListener(GenerationListener other) {
    return new GenerationEnvironment(engine, codec, clock, delivery, bufferTokens, other);
  }
}

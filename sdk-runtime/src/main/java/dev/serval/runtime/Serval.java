package dev.serval.runtime;

/**
 * Where an application begins.
 *
 * <pre>{@code
 * try (ServingRuntime runtime = Serval.builder().model(Path.of("models/demo")).build()) {
 *   Generation answer = runtime.submit(GenerationRequest.of(Prompt.chat(ChatMessage.user("Hello"))));
 *   answer.forEach(chunk -> show(chunk.text()));
 * }
 * }</pre>
 */
public final class Serval {
  private Serval() {}

  /**
   * Starts to configure a runtime.
   *
   * @return a builder with every option at its default
   */
  public static ServingRuntimeBuilder builder() {
    return new ServingRuntimeBuilder();
  }
}

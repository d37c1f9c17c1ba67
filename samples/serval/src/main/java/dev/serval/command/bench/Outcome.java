package dev.serval.command.bench;

import java.util.List;
import java.util.stream.IntStream;

/**
 * What became of one request. Times are nanoseconds since the start of the run.
 *
 * @param arrival when it arrived by schedule
 * @param start from when its latencies count: its arrival or, where the number of concurrent
 *     requests is limited, the moment after it when a place was free
 * @param chunks when each chunk of the answer was here
 * @param end when the answer had ended
 * @param promptTokens the tokens of its prompt as the target counted them
 * @param completionTokens the tokens of its answer as the target counted them
 * @param text the answer
 * @param error what went wrong, empty if nothing did
 */
public record Outcome(
    long arrival,
    long start,
    List<Long> chunks,
    long end,
    int promptTokens,
    int completionTokens,
    String text,
    String error) {
  private static final double NANOS = 1e9;

  /** Copies the list. */
  public Outcome {
    chunks = List.copyOf(chunks);
  }

  boolean succeeded() {
    return error.isEmpty();
  }

  /** The time to the first chunk in seconds; 0 if there never was one, as vLLM has it. */
  double timeToFirstToken() {
    return chunks.isEmpty() ? 0 : (chunks.getFirst() - start) / NANOS;
  }

  /** The times between chunks in seconds. */
  List<Double> gaps() {
    return IntStream.range(1, chunks.size())
        .mapToObj(i -> (chunks.get(i) - chunks.get(i - 1)) / NANOS)
        .toList();
  }

  /** From its start to the last chunk, in seconds. */
  double latency() {
    return (lastChunk() - start) / NANOS;
  }

  /** How long it waited for a place, in seconds. */
  double queueTime() {
    return (start - arrival) / NANOS;
  }

  double startTime() {
    return start / NANOS;
  }

  /** The time for each token after the first, in seconds; only defined for two tokens and more. */
  double timePerOutputToken() {
    return (latency() - timeToFirstToken()) / (completionTokens - 1);
  }

  private long lastChunk() {
    return chunks.isEmpty() ? end : chunks.getLast();
  }
}

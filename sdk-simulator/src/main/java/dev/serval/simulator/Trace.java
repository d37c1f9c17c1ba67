package dev.serval.simulator;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Requests in the order of their arrival, and how many tokens of a prompt a hash id stands for.
 *
 * <p>As a file it is JSON lines in the format of the public Mooncake traces
 * (https://github.com/kvcache-ai/Mooncake): {@code timestamp} in milliseconds, {@code
 * input_length}, {@code output_length} and, if prompts share their beginnings, {@code hash_ids}.
 * Beside these a line may have {@code arrival} in seconds in the place of {@code timestamp}, and
 * {@code class}, {@code tenant} and {@code priority}; fields of other names are passed over.
 *
 * @param requests the requests, ascending by arrival
 * @param hashTokens how many tokens a hash id stands for, at least 1
 */
public record Trace(List<TracedRequest> requests, int hashTokens) {
  /** How many tokens a hash id of the Mooncake traces stands for. */
  public static final int MOONCAKE_HASH_TOKENS = 512;

  /** Sorts the requests by arrival; those of equal arrival keep their order. */
  public Trace {
    if (hashTokens < 1) {
      throw new IllegalArgumentException("a hash id stands for 1 token or more, not " + hashTokens);
    }
    requests = requests.stream().sorted(Comparator.comparing(TracedRequest::arrival)).toList();
  }

  /**
   * Requests whose hash ids, if any, stand for as many tokens as in the Mooncake traces.
   *
   * @param requests the requests
   * @return the trace
   */
  public static Trace of(List<TracedRequest> requests) {
    return new Trace(requests, MOONCAKE_HASH_TOKENS);
  }

  /**
   * Reads a file of JSON lines.
   *
   * @param file the file
   * @param hashTokens how many tokens one of its hash ids stands for
   * @return the trace
   * @throws IOException when it cannot be read
   * @throws IllegalArgumentException when a line is none of a trace, naming the line
   */
  public static Trace read(Path file, int hashTokens) throws IOException {
    List<TracedRequest> requests = new ArrayList<>();
    TraceLine format = new TraceLine();
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          requests.add(format.read(line, file.getFileName() + ", line " + number));
        }
      }
    }
    return new Trace(requests, hashTokens);
  }

  /**
   * Writes the trace as JSON lines that {@link #read} reads.
   *
   * @param out where to; not closed
   * @throws IOException when it cannot be written
   */
  public void write(Writer out) throws IOException {
    TraceLine format = new TraceLine();
    for (TracedRequest request : requests) {
      out.write(format.write(request));
      out.write('\n');
    }
  }

  /**
   * How many prompt tokens a prefix cache of unlimited size would find if each request arrived
   * after all earlier ones were done. It shares whole blocks, and computes at least the last token
   * of every prompt.
   *
   * @param blockTokens how many tokens a block of the cache holds
   * @return the tokens, over all requests
   */
  public long idealHitTokens(int blockTokens) {
    Map<Link, Integer> known = new HashMap<>();
    return requests.stream().mapToLong(request -> foundTokens(request, blockTokens, known)).sum();
  }

  /** A block of a prompt: the number of the block before it, and the ids that cover it. */
  private record Link(int parent, List<Long> ids) {}

  private int foundTokens(TracedRequest request, int blockTokens, Map<Link, Integer> known) {
    int found = 0;
    int parent = 0;
    for (int end = blockTokens; end <= identified(request); end += blockTokens) {
      int before = known.size();
      parent =
          known.computeIfAbsent(link(request, parent, end - blockTokens, end), link -> before + 1);
      if (known.size() == before && end < request.promptTokens()) {
        found = end;
      }
    }
    return found;
  }

  private Link link(TracedRequest request, int parent, int from, int to) {
    return new Link(
        parent, request.hashIds().subList(from / hashTokens, Math.ceilDiv(to, hashTokens)));
  }

  /** How many of a prompt's tokens have an identity that others may share. */
  private int identified(TracedRequest request) {
    return (int) Math.min(request.promptTokens(), (long) request.hashIds().size() * hashTokens);
  }

  /**
   * The tokens of all prompts.
   *
   * @return their sum
   */
  public long promptTokens() {
    return requests.stream().mapToLong(TracedRequest::promptTokens).sum();
  }
}

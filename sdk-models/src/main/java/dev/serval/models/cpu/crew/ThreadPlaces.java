package dev.serval.models.cpu.crew;

import dev.serval.api.ConfigurationException;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.models.cpu.system.SystemCalls;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Where the threads of a crew run.
 *
 * @param threads how many there are
 * @param processors the one that each stays on; none if the system may move them
 */
public record ThreadPlaces(int threads, List<Integer> processors) {

  /** So many threads, wherever the system puts them. */
  static ThreadPlaces anywhere(int threads) {
    return new ThreadPlaces(threads, List.of());
  }

  /**
   * As the options say; pinned threads have the first processors that this one may run on.
   *
   * @throws ConfigurationException when there are too few, or none is known
   */
  public static ThreadPlaces of(ComputeOptions options) {
    return options.pinned() ? pinned(options.threads(), allowed()) : anywhere(options.threads());
  }

  private static BitSet allowed() {
    if (!System.getProperty("os.name").equals("Linux")) {
      throw refusal("threads can be pinned on Linux alone");
    }
    try {
      return SystemCalls.processors();
    } catch (IllegalCallerException e) {
      throw refusal("threads cannot be pinned without native access (--enable-native-access)");
    }
  }

  /** So many threads on some of these processors. */
  static ThreadPlaces pinned(int threads, BitSet processors) {
    if (processors.cardinality() < threads) {
      throw refusal(
          "%d threads cannot each have one of the %d processors %s that this process may use"
              .formatted(threads, processors.cardinality(), processors));
    }
    return new ThreadPlaces(threads, processors.stream().limit(threads).boxed().toList());
  }

  private static ConfigurationException refusal(String why) {
    return new ConfigurationException(List.of("pinThreads: " + why));
  }

  /** Puts the calling thread where it belongs. */
  void settle(int thread) {
    if (!processors.isEmpty() && !SystemCalls.pin(processors.get(thread))) {
      throw new IllegalStateException(
          "the system does not let a thread stay on processor " + processors.get(thread));
    }
  }

  @Override
  public String toString() {
    String count = threads == 1 ? "1 thread" : threads + " threads";
    return processors.isEmpty() ? count : count + " pinned to " + list();
  }

  private String list() {
    return processors.stream()
        .map(number -> "processor " + number)
        .collect(Collectors.joining(", "));
  }
}

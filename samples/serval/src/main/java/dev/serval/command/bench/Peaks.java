package dev.serval.command.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The busiest moments of a run. */
final class Peaks {
  private static final long SECOND = 1_000_000_000;

  private Peaks() {}

  /**
   * The most chunks that arrived within one second, counted in whole seconds from the first start.
   */
  static long chunksInOneSecond(List<Outcome> outcomes) {
    long first = outcomes.stream().mapToLong(Outcome::start).min().orElse(0);
    return outcomes.stream()
        .flatMap(outcome -> outcome.chunks().stream())
        .collect(
            java.util.stream.Collectors.groupingBy(
                at -> (at - first) / SECOND, java.util.stream.Collectors.counting()))
        .values()
        .stream()
        .mapToLong(Long::longValue)
        .max()
        .orElse(0);
  }

  /** The most requests that were under way at one moment. */
  static int concurrency(List<Outcome> outcomes) {
    List<Change> changes = new ArrayList<>();
    for (Outcome outcome : outcomes) {
      changes.add(new Change(outcome.start(), 1));
      changes.add(new Change(outcome.end(), -1));
    }
    changes.sort(Comparator.comparingLong(Change::at).thenComparingInt(Change::by));
    int now = 0;
    int most = 0;
    for (Change change : changes) {
      now += change.by();
      most = Math.max(most, now);
    }
    return most;
  }

  private record Change(long at, int by) {}
}

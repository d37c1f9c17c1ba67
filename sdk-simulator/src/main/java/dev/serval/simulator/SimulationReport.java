package dev.serval.simulator;

import java.time.Duration;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a policy did with a trace.
 *
 * @param all every request
 * @param classes the requests by the name of their class, where they have one
 * @param tenants the requests by their tenant, where they have one
 * @param duration the virtual time from the trace's beginning until the last request ended
 * @param steps how many steps there were
 * @param computedTokens how many tokens were computed, those computed again included
 * @param recomputedTokens how many of them had been computed before, and were lost when a request
 *     had to give way
 * @param blocksAtTheEnd how many KV blocks were still held when nothing was left to do: none
 * @param stepLog a SHA-256 over every step, arrival and end, in hexadecimal: two runs of equal hash
 *     did the same
 */
public record SimulationReport(
    RequestGroup all,
    SortedMap<String, RequestGroup> classes,
    SortedMap<String, RequestGroup> tenants,
    Duration duration,
    long steps,
    long computedTokens,
    long recomputedTokens,
    int blocksAtTheEnd,
    String stepLog) {
  private static final double NANOS = 1e9;

  /** Copies the maps. */
  public SimulationReport {
    classes = Collections.unmodifiableSortedMap(new TreeMap<>(classes));
    tenants = Collections.unmodifiableSortedMap(new TreeMap<>(tenants));
  }

  /**
   * How many tokens a second were generated, over the whole time.
   *
   * @return output tokens a second
   */
  public double outputThroughput() {
    return perSecond(all.generatedTokens());
  }

  /**
   * How many tokens a second went into and came out of completed requests, over the whole time.
   *
   * @return prompt and output tokens a second
   */
  public double totalThroughput() {
    return perSecond(all.promptTokens() + all.generatedTokens());
  }

  private double perSecond(long tokens) {
    return duration.isZero() ? 0 : tokens * NANOS / duration.toNanos();
  }

  /**
   * How much of the work was done before.
   *
   * @return recomputed tokens as a share of the computed ones, from 0 to 1
   */
  public double recomputeTax() {
    return computedTokens == 0 ? 0 : (double) recomputedTokens / computedTokens;
  }
}

package dev.serval.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/**
 * What the machine takes from a program that does nothing but compute: a thread for each processor
 * reads the clock without a pause, and each time that it stood still is a hiccup. Linux says of
 * each whether the thread waited for a processor, which another process or thread then had; where
 * it did not, the host of the virtual machine did not run it.
 *
 * <pre>{@code
 * mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.main=dev.serval.benchmarks.HiccupMeter \
 *     -Djmh.args="SECONDS"
 * }</pre>
 */
public final class HiccupMeter {
  private static final Path OWN = Path.of("/proc/thread-self/schedstat");
  private static final long LEAST_NANOS = 200_000;
  private static final long[] BOUNDS = {500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000};

  private HiccupMeter() {}

  /**
   * A time in which a thread stood still.
   *
   * @param nanos how long
   * @param waitedNanos for how much of it the thread was ready and another had the processor
   */
  private record Hiccup(long nanos, long waitedNanos) {
    boolean isOfOthersHere() {
      return 2 * waitedNanos > nanos;
    }
  }

  /**
   * Measures and prints how often a thread stood still, by how long.
   *
   * @param args how many seconds
   */
  public static void main(String[] args) {
    int seconds = Integer.parseInt(args[0]);
    print(measure(Runtime.getRuntime().availableProcessors(), seconds), seconds, System.out);
  }

  private static List<Hiccup> measure(int threads, int seconds) {
    List<CompletableFuture<List<Hiccup>>> all =
        IntStream.range(0, threads).mapToObj(i -> started(seconds)).toList();
    return all.stream().flatMap(each -> each.join().stream()).toList();
  }

  private static CompletableFuture<List<Hiccup>> started(int seconds) {
    CompletableFuture<List<Hiccup>> hiccups = new CompletableFuture<>();
    Thread.ofPlatform().start(() -> hiccups.complete(watch(seconds * 1_000_000_000L)));
    return hiccups;
  }

  private static List<Hiccup> watch(long nanos) {
    List<Hiccup> hiccups = new ArrayList<>();
    long begin = System.nanoTime();
    long waited = waitedNanos();
    long last = System.nanoTime();
    while (last - begin < nanos) {
      long now = System.nanoTime();
      if (now - last >= LEAST_NANOS) {
        long all = waitedNanos();
        hiccups.add(new Hiccup(now - last, all - waited));
        waited = all;
        now = System.nanoTime();
      }
      last = now;
    }
    return hiccups;
  }

  private static long waitedNanos() {
    try {
      return Long.parseLong(Files.readString(OWN).split(" ", -1)[1]);
    } catch (IOException e) {
      throw new UncheckedIOException("needs Linux, which tells how long threads waited", e);
    }
  }

  private static void print(List<Hiccup> hiccups, int seconds, PrintStream out) {
    out.printf(
        "%10s %12s %14s %16s%n", "at least", "per minute", "of which host", "longest of host");
    for (long bound : BOUNDS) {
      List<Hiccup> longer = hiccups.stream().filter(each -> each.nanos() >= bound).toList();
      List<Hiccup> host = longer.stream().filter(each -> !each.isOfOthersHere()).toList();
      out.printf(
          Locale.ROOT,
          "%7.1f ms %12.1f %14.1f %13.1f ms%n",
          bound / 1e6,
          longer.size() * 60.0 / seconds,
          host.size() * 60.0 / seconds,
          host.stream().mapToLong(Hiccup::nanos).max().orElse(0) / 1e6);
    }
  }
}

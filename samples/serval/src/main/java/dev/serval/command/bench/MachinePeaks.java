package dev.serval.command.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * What a machine does at most, measured by loops that do nothing else: the best of many short
 * slices, all threads at once, so that a moment's disturbance does not count.
 *
 * @param threads how many threads worked
 * @param readGigabytes how many gigabytes a second they read from memory
 * @param multiplyGigaops how many billions of F32 multiplications and additions a second they do
 */
public record MachinePeaks(int threads, double readGigabytes, double multiplyGigaops) {
  private static final long READ_BYTES = 256L << 20;
  private static final int LEAST_SLICES = 3;
  private static final long NANOS = 600_000_000;
  private static final int WORKING_SET = 2048;
  private static final int PASSES = 5000;
  private static final int MULTIPLICATIONS = 8;

  /** A slice of work on one thread, which says when it was done. */
  private interface Slice {
    /** Works, and gives a number that depends on all of it. */
    double run();
  }

  /**
   * Measures this machine for little more than a second.
   *
   * @param threads how many threads work
   * @param nanoTime the clock
   * @return its peaks
   * @throws InterruptedException when the thread is interrupted
   */
  public static MachinePeaks measure(int threads, LongSupplier nanoTime)
      throws InterruptedException {
    try (ExecutorService pool = Executors.newFixedThreadPool(threads);
        Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(READ_BYTES, 64);
      double read = fastest(pool, nanoTime, readers(memory, threads));
      double multiply = fastest(pool, nanoTime, multipliers(threads));
      return new MachinePeaks(
          threads,
          READ_BYTES / read,
          2.0 * MULTIPLICATIONS * WORKING_SET * PASSES * threads / multiply);
    }
  }

  private static List<Slice> readers(MemorySegment memory, int threads) {
    long share = READ_BYTES / threads / Long.BYTES * Long.BYTES;
    return IntStream.range(0, threads)
        .mapToObj(i -> memory.asSlice(i * share, share))
        .map(part -> (Slice) () -> sum(part))
        .toList();
  }

  private static double sum(MemorySegment part) {
    long sum = 0;
    int count = (int) (part.byteSize() / Long.BYTES);
    for (int i = 0; i < count; i++) {
      sum += part.getAtIndex(ValueLayout.JAVA_LONG, i);
    }
    return sum;
  }

  private static List<Slice> multipliers(int threads) {
    return IntStream.range(0, threads)
        .mapToObj(i -> new float[WORKING_SET])
        .map(values -> (Slice) () -> multiply(values))
        .toList();
  }

  private static double multiply(float[] values) {
    for (int pass = 0; pass < PASSES; pass++) {
      multiplyAll(values, 0.9f, 0.1f);
    }
    return values[0];
  }

  /** Chains of fused multiplications: long enough that loads and stores do not limit them. */
  private static void multiplyAll(float[] values, float factor, float addend) {
    for (int i = 0; i < values.length; i++) {
      float value = values[i];
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      value = Math.fma(value, factor, addend);
      values[i] = value;
    }
  }

  /** The nanoseconds of the fastest slice. */
  private static double fastest(ExecutorService pool, LongSupplier nanoTime, List<Slice> slices)
      throws InterruptedException {
    List<Callable<Double>> tasks =
        slices.stream().map(slice -> (Callable<Double>) slice::run).toList();
    long fastest = Long.MAX_VALUE;
    long end = nanoTime.getAsLong() + NANOS;
    for (int i = 0; i < LEAST_SLICES || nanoTime.getAsLong() < end; i++) {
      long begin = nanoTime.getAsLong();
      await(pool.invokeAll(tasks));
      fastest = Math.min(fastest, nanoTime.getAsLong() - begin);
    }
    return fastest;
  }

  private static void await(List<Future<Double>> done) throws InterruptedException {
    for (Future<Double> one : done) {
      try {
        one.get();
      } catch (ExecutionException e) {
        throw new IllegalStateException("a measuring loop failed", e);
      }
    }
  }
}

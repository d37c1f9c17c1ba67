package dev.serval.command.bench;

import dev.serval.api.LoadListener;
import dev.serval.api.ServalException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

/**
 * Sends a workload on its schedule and notes what becomes of it.
 *
 * <p>The load is open: a request arrives when the schedule says, whether or not earlier ones are
 * done. Latencies count from the scheduled arrival and not from the moment when this program got
 * round to sending, so a stall, be it the target's or the program's own, is charged to every
 * request that it delays (no coordinated omission). Where the number of concurrent requests is
 * limited, a request that finds no place waits on the client's side; as in vLLM that wait is kept
 * apart, as queue time, and latencies count from its end.
 */
public final class LoadGenerator {
  private final LongSupplier nanoTime;
  private final OptionalInt maxConcurrency;
  private final LoadListener listener;

  /**
   * Prepares a run.
   *
   * @param nanoTime the clock
   * @param maxConcurrency how many requests may be under way at once; empty for no limit
   * @param listener hears how many requests are done, on the threads that end them
   */
  public LoadGenerator(LongSupplier nanoTime, OptionalInt maxConcurrency, LoadListener listener) {
    this.nanoTime = nanoTime;
    this.maxConcurrency = maxConcurrency;
    this.listener = listener;
  }

  /**
   * Sends everything and waits until it is answered.
   *
   * @param workload what to send
   * @param target whom to send it to
   * @return what became of each request, in the workload's order
   * @throws InterruptedException when the thread is interrupted; requests under way are then broken
   *     off
   */
  public Run run(Workload workload, Target target) throws InterruptedException {
    Semaphore places = new Semaphore(maxConcurrency.orElse(Integer.MAX_VALUE), true);
    AtomicInteger done = new AtomicInteger();
    long origin = nanoTime.getAsLong();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      try {
        List<Future<Outcome>> pending = new ArrayList<>();
        for (Workload.Request request : workload.requests()) {
          waitUntil(origin + request.arrivalNanos());
          pending.add(
              threads.submit(() -> {
                Outcome outcome = one(request, target, places, origin);
                listener.progress("requests", done.incrementAndGet(), workload.requests().size());
                return outcome;
              }));
        }
        List<Outcome> outcomes = new ArrayList<>();
        for (Future<Outcome> future : pending) {
          outcomes.add(future.get());
        }
        return new Run(outcomes, nanoTime.getAsLong() - origin);
      } catch (InterruptedException e) {
        threads.shutdownNow();
        throw e;
      } catch (ExecutionException e) {
        threads.shutdownNow();
        throw new IllegalStateException("a request ended without an outcome", e.getCause());
      }
    }
  }

  /**
   * What became of a workload.
   *
   * @param outcomes one for each request, in the workload's order
   * @param nanos how long it took from the start until the last answer's end
   */
  public record Run(List<Outcome> outcomes, long nanos) {
    /** Copies the list. */
    public Run {
      outcomes = List.copyOf(outcomes);
    }
  }

  private Outcome one(Workload.Request request, Target target, Semaphore places, long origin)
      throws InterruptedException {
    boolean waits = !places.tryAcquire();
    if (waits) {
      places.acquire();
    }
    try {
      long arrival = request.arrivalNanos();
      long start = waits ? Math.max(arrival, nanoTime.getAsLong() - origin) : arrival;
      Stopwatch stopwatch = new Stopwatch(nanoTime, origin, arrival, start);
      return stopwatch.end(answer(request, target, stopwatch));
    } finally {
      places.release();
    }
  }

  private static String answer(Workload.Request request, Target target, Stopwatch stopwatch)
      throws InterruptedException {
    try {
      target.answer(request, stopwatch);
      return "";
    } catch (IOException | ServalException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private void waitUntil(long nanos) throws InterruptedException {
    long left = nanos - nanoTime.getAsLong();
    if (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
    }
  }
}

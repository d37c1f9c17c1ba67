package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import java.io.IOException;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
final class LoadGeneratorTest {
  private static final long MS = 1_000_000;

  @Test
  void a_stall_of_the_target_is_charged_to_every_request_that_arrives_in_it()
      throws InterruptedException {
    List<Outcome> outcomes = run(new OneAtATime(40), OptionalInt.empty(), 5).outcomes();

    assertThat(outcomes).extracting(Outcome::queueTime).containsOnly(0.0);
    List<Double> times = outcomes.stream().map(Outcome::timeToFirstToken).sorted().toList();
    for (int i = 0; i < 5; i++) {
      assertThat(times.get(i)).isGreaterThan((i + 1) * 0.040 - 0.005);
    }
  }

  @Test
  void with_limited_concurrency_the_wait_for_a_place_is_queue_time() throws InterruptedException {
    List<Outcome> outcomes = run(new OneAtATime(1000), OptionalInt.of(1), 3).outcomes();

    List<Double> waits = outcomes.stream().map(Outcome::queueTime).sorted().toList();
    assertThat(waits.get(0)).isZero();
    assertThat(waits.get(1)).isGreaterThan(0.9);
    assertThat(waits.get(2)).isGreaterThan(1.9);
    assertThat(outcomes).allMatch(o -> o.timeToFirstToken() >= 0.999);
  }

  @Test
  void no_more_requests_are_under_way_than_allowed() throws InterruptedException {
    OneAtATime target = new OneAtATime(1);

    assertThat(run(target, OptionalInt.of(1), 20).outcomes()).hasSize(20);

    assertThat(target.most.get()).isEqualTo(1);
  }

  @Test
  void a_request_that_fails_is_an_outcome_and_leaves_the_others_alone()
      throws InterruptedException {
    List<Outcome> outcomes =
        run(
                new OneAtATime(1) {
                  @Override
                  public void answer(Workload.Request request, Stopwatch stopwatch)
                      throws IOException, InterruptedException {
                    if (request.outputTokens() == 2) {
                      throw new IOException("no such luck");
                    }
                    super.answer(request, stopwatch);
                  }
                },
                OptionalInt.empty(),
                4)
            .outcomes();

    assertThat(outcomes).extracting(Outcome::error).containsExactly("", "", "no such luck", "");
    assertThat(outcomes.get(3).text()).isEqualTo("x");
  }

  private static LoadGenerator.Run run(Target target, OptionalInt concurrency, int count)
      throws InterruptedException {
    List<Workload.Request> requests =
        IntStream.range(0, count)
            .mapToObj(i -> new Workload.Request(i * MS, List.of(1), i))
            .toList();
    return new LoadGenerator(System::nanoTime, concurrency, LoadListener.NONE)
        .run(new Workload(requests), target);
  }

  /** Works on one request after the other, in the order of their arrival. */
  private static class OneAtATime implements Target {
    final AtomicInteger most = new AtomicInteger();
    private final AtomicInteger present = new AtomicInteger();
    private final Semaphore turn = new Semaphore(1, true);
    private final int millis;

    OneAtATime(int millis) {
      this.millis = millis;
    }

    @Override
    public void answer(Workload.Request request, Stopwatch stopwatch)
        throws IOException, InterruptedException {
      most.accumulateAndGet(present.incrementAndGet(), Math::max);
      turn.acquire();
      Thread.sleep(millis);
      stopwatch.chunk("x");
      stopwatch.usage(1, 1);
      turn.release();
      present.decrementAndGet();
    }

    @Override
    public String model() {
      return "one";
    }

    @Override
    public String backend() {
      return "test";
    }

    @Override
    public int[] vocabulary() {
      return new int[] {1};
    }

    @Override
    public void close() {}
  }
}

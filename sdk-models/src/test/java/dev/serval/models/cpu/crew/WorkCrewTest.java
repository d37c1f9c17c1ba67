package dev.serval.models.cpu.crew;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.serval.api.ConfigurationException;
import dev.serval.models.cpu.system.SystemCalls;
import java.time.Duration;
import java.util.BitSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ObjIntConsumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class WorkCrewTest {
  private static WorkCrew.Work work(int parts, ObjIntConsumer<Integer> body) {
    return new WorkCrew.Work() {
      @Override
      public int parts() {
        return parts;
      }

      @Override
      public long operations() {
        return Long.MAX_VALUE;
      }

      @Override
      public void part(int part, int worker) {
        body.accept(part, worker);
      }
    };
  }

  private static Set<Thread> threads(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith(name))
        .collect(Collectors.toSet());
  }

  @Test
  void every_part_is_done_exactly_once_over_many_operations() {
    for (int size = 1; size <= 4; size++) {
      try (WorkCrew crew = new WorkCrew("once", ThreadPlaces.anywhere(size))) {
        for (int count = 0; count < 2_000; count++) {
          int parts = count % 37;
          AtomicIntegerArray done = new AtomicIntegerArray(37);
          crew.run(work(parts, (part, worker) -> done.incrementAndGet(part)));
          for (int part = 0; part < 37; part++) {
            assertThat(done.get(part)).isEqualTo(part < parts ? 1 : 0);
          }
        }
      }
    }
  }

  @Test
  void all_threads_take_part_and_each_has_a_number_of_its_own() throws InterruptedException {
    try (WorkCrew crew = new WorkCrew("all", ThreadPlaces.anywhere(3))) {
      CountDownLatch together = new CountDownLatch(3);
      Set<Integer> workers = ConcurrentHashMap.newKeySet();
      crew.run(
          work(
              3,
              (part, worker) -> {
                workers.add(worker);
                together.countDown();
                await(together);
              }));
      assertThat(workers).containsExactlyInAnyOrder(0, 1, 2);
    }
  }

  @Test
  void who_has_done_its_own_parts_helps_whoever_is_held_up() {
    int parts = 8;
    try (WorkCrew crew = new WorkCrew("helpful", ThreadPlaces.anywhere(2))) {
      for (int held = 0; held < parts; held++) {
        int slow = held;
        CountDownLatch others = new CountDownLatch(parts - 1);
        crew.run(
            work(
                parts,
                (part, worker) -> {
                  if (part == slow) {
                    await(others);
                  } else {
                    others.countDown();
                  }
                }));
        assertThat(others.getCount()).isZero();
      }
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void threads_that_went_to_sleep_wake_up_for_work() {
    try (WorkCrew crew = new WorkCrew("sleepy", ThreadPlaces.anywhere(3))) {
      for (int round = 0; round < 3; round++) {
        awaitParked("sleepy");
        all_threads_meet(crew);
      }
    }
  }

  private static void all_threads_meet(WorkCrew crew) {
    CountDownLatch together = new CountDownLatch(3);
    crew.run(
        work(
            3,
            (part, worker) -> {
              together.countDown();
              await(together);
            }));
  }

  private static void awaitParked(String name) {
    while (!threads(name).stream().allMatch(thread -> thread.getState() == Thread.State.WAITING)) {
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void what_a_part_throws_comes_to_the_caller_and_the_crew_works_on() {
    try (WorkCrew crew = new WorkCrew("failing", ThreadPlaces.anywhere(2))) {
      for (int bad = 0; bad < 8; bad++) {
        int broken = bad;
        assertThatExceptionOfType(ArithmeticException.class)
            .isThrownBy(() -> crew.run(work(8, (part, worker) -> divide(part - broken))));
      }
      AtomicIntegerArray done = new AtomicIntegerArray(8);
      crew.run(work(8, (part, worker) -> done.incrementAndGet(part)));
      assertThat(done.toString()).isEqualTo("[1, 1, 1, 1, 1, 1, 1, 1]");
    }
  }

  private static void divide(int by) {
    assertThat(1 / by).isNotEqualTo(2);
  }

  @Test
  void closing_ends_the_threads_and_refuses_more_work() {
    WorkCrew crew = new WorkCrew("closing", ThreadPlaces.anywhere(3));
    assertThat(threads("closing")).hasSize(2).allMatch(Thread::isDaemon);
    crew.close();
    assertThat(threads("closing")).isEmpty();
    crew.close();
    assertThatIllegalStateException().isThrownBy(() -> crew.run(work(2, (part, worker) -> {})));
  }

  @Test
  void closing_waits_for_the_operation_under_way() throws InterruptedException {
    WorkCrew crew = new WorkCrew("busy", ThreadPlaces.anywhere(2));
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    AtomicIntegerArray done = new AtomicIntegerArray(4);
    WorkCrew.Work slow =
        work(
            4,
            (part, worker) -> {
              started.countDown();
              await(finish);
              done.incrementAndGet(part);
            });
    Thread caller = Thread.ofPlatform().start(() -> crew.run(slow));
    started.await();
    Thread closer = Thread.ofPlatform().start(crew::close);
    assertThat(closer.join(Duration.ofMillis(50))).isFalse();
    finish.countDown();
    closer.join();
    caller.join();
    assertThat(done.toString()).isEqualTo("[1, 1, 1, 1]");
  }

  @Test
  void pinned_threads_stay_on_processors_of_their_own() throws InterruptedException {
    BitSet allowed = SystemCalls.processors();
    int size = Math.min(2, allowed.cardinality());
    ThreadPlaces places = ThreadPlaces.pinned(size, allowed);
    Map<Integer, BitSet> seen = new ConcurrentHashMap<>();
    Thread caller =
        Thread.ofPlatform()
            .start(() -> {
              try (WorkCrew crew = new WorkCrew("pinned", places)) {
                crew.settleCaller();
                CyclicBarrier together = new CyclicBarrier(size);
                crew.run(
                    work(
                        size,
                        (_, worker) -> {
                          await(together);
                          seen.put(worker, SystemCalls.processors());
                        }));
              }
            });
    caller.join();

    assertThat(seen).hasSize(size);
    for (int worker = 0; worker < size; worker++) {
      assertThat(seen.get(worker).stream().boxed().toList())
          .containsExactly(places.processors().get(worker));
    }
    assertThat(SystemCalls.processors()).isEqualTo(allowed);
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void threads_are_not_pinned_on_fewer_processors_than_they_are() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> ThreadPlaces.pinned(3, BitSet.valueOf(new long[] {0b10100})))
        .withMessageContaining(
            "pinThreads: 3 threads cannot each have one of the 2 processors {2, 4} that this"
                + " process may use");
    assertThat(ThreadPlaces.pinned(2, BitSet.valueOf(new long[] {0b10110})))
        .hasToString("2 threads pinned to processor 1, processor 2");
  }
}

package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.TensorBatching;
import dev.serval.api.batching.TensorListener;
import dev.serval.api.batching.TensorModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When a batcher waits for company, on a clock that only the test and its model move. */
@Timeout(30)
final class AdaptiveDelayTest {
  private static final long FIXED = 10_000_000;
  private static final long EACH = 1_000_000;

  private final AtomicLong clock = new AtomicLong();
  private final Semaphore permits = new Semaphore(0);
  private final Semaphore begun = new Semaphore(0);
  private final List<Integer> sizes = new ArrayList<>();
  private Thread owner = Thread.currentThread();

  /** Takes a fixed time and some more for each input. */
  private final TensorModel<String, String> model =
      new TensorModel<>() {
        @Override
        public List<String> run(List<String> inputs) throws Exception {
          begun.release();
          permits.acquire();
          clock.addAndGet(FIXED + EACH * inputs.size());
          sizes.add(inputs.size());
          return inputs;
        }

        @Override
        public int length(String input) {
          return 1;
        }
      };

  @Test
  void the_fixed_time_of_a_batch_is_found_from_batches_of_several_sizes() {
    BatchCost cost = new BatchCost();
    for (int i = 0; i < 50; i++) {
      long length = 10L + 40L * (i % 3);
      cost.record(length, 5_000_000 + 30_000 * length);
    }
    assertThat(cost.fixedNanos()).isBetween(4_999_999.0, 5_000_001.0);
  }

  @Test
  void the_fixed_time_is_unknown_while_all_batches_are_alike_and_follows_a_changed_machine() {
    BatchCost cost = new BatchCost();
    for (int i = 0; i < 50; i++) {
      cost.record(64, 7_000_000);
    }
    assertThat(cost.fixedNanos()).isZero();
    for (int i = 0; i < 400; i++) {
      cost.record(8L + 100L * (i % 2), 1_000_000L + 10_000L * (8 + 100 * (i % 2)));
    }
    assertThat(cost.fixedNanos()).isBetween(990_000.0, 1_010_000.0);
  }

  @Test
  void a_pause_between_bursts_does_not_move_the_typical_gap() {
    Arrivals arrivals = new Arrivals();
    long now = 0;
    for (int burst = 0; burst < 4; burst++) {
      now += Duration.ofHours(1).toNanos();
      for (int i = 0; i < 8; i++) {
        now += 1000;
        arrivals.at(now);
      }
    }
    assertThat(arrivals.typicalGapNanos()).isEqualTo(1000);
    assertThat(arrivals.quietNanos(now + 5)).isEqualTo(5);
  }

  @Test
  void while_inputs_come_quickly_the_first_waits_for_the_next_but_not_for_ever() throws Exception {
    try (TensorBatcher<String, String> batcher = batcher()) {
      learn(batcher);
      List<CompletableFuture<String>> burst = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        clock.addAndGet(1_000);
        burst.add(batcher.submit("a"));
      }
      permits.release(5);
      clock.addAndGet(Duration.ofMillis(1).toNanos());
      all(burst);
      assertThat(sizes.getLast()).isEqualTo(5);
    }
  }

  @Test
  void inputs_that_come_slower_than_a_batch_saves_wait_for_nobody() throws Exception {
    try (TensorBatcher<String, String> batcher = batcher()) {
      learn(batcher);
      permits.release(100);
      for (int i = 0; i < 16; i++) {
        clock.addAndGet(FIXED * 2);
        CompletableFuture<String> result = batcher.submit("a");
        while (!result.isDone()) {
          passIfPatient();
        }
      }
      for (int i = 0; i < 5; i++) {
        clock.addAndGet(FIXED * 2);
        assertThat(batcher.submit("a").get()).as("with a clock that stands still").isEqualTo("a");
      }
    }
  }

  private TensorBatcher<String, String> batcher() {
    return TensorBatcher.start(
        model,
        TensorBatching.DEFAULT.withMaxDelay(Duration.ofSeconds(5)),
        TensorListener.NONE,
        clock::get,
        task -> owner = new Thread(task),
        Runnable::run);
  }

  /** Runs batches of one and of eight, submitted one after the other. */
  private void learn(TensorBatcher<String, String> batcher) throws Exception {
    for (int round = 0; round < 6; round++) {
      CompletableFuture<String> first = batcher.submit("a");
      while (!begun.tryAcquire()) {
        passIfPatient();
      }
      List<CompletableFuture<String>> others = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        clock.addAndGet(1_000);
        others.add(batcher.submit("a"));
      }
      permits.release(2);
      while (!others.stream().allMatch(CompletableFuture::isDone)) {
        passIfPatient();
      }
      begun.drainPermits();
      first.get();
    }
    permits.drainPermits();
  }

  /** Lets time pass while the batcher waits for it. */
  private void passIfPatient() {
    if (owner.getState() == Thread.State.TIMED_WAITING) {
      clock.addAndGet(100_000);
    }
    Thread.onSpinWait();
  }

  private static void all(List<CompletableFuture<String>> results) throws Exception {
    CompletableFuture.allOf(results.toArray(CompletableFuture[]::new)).get();
  }
}

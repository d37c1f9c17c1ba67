package dev.serval.runtime.generation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.batching.EngineSequence;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The rules of Reactive Streams, each by its number where a test is about one. */
final class ChunkSubscriptionTest {
  private final ChunkBuffer buffer = new ChunkBuffer(100);
  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
  private final AtomicInteger closings = new AtomicInteger();
  private final Recorder recorder = new Recorder();
  private final ChunkSubscription subscription = subscribe(recorder, tasks::add);

  private ChunkSubscription subscribe(Flow.Subscriber<TokenChunk> subscriber, Executor delivery) {
    ChunkSubscription made =
        new ChunkSubscription(subscriber, buffer, delivery, closings::incrementAndGet);
    buffer.claim(made::signal);
    made.signal();
    return made;
  }

  @Test
  void rule_1_1_no_more_chunks_come_than_were_requested() {
    put("a", "b", "c");
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed");
    subscription.request(2);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a", "b");
    subscription.request(5);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a", "b", "c");
  }

  @Test
  void rule_1_5_the_end_comes_after_the_last_chunk_and_needs_no_demand() {
    put("a");
    buffer.end(null);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed");
    subscription.request(1);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a", "completed");
  }

  @Test
  void rule_1_4_a_failure_comes_after_the_last_chunk() {
    put("a");
    buffer.end(new GenerationFailedException("no power"));
    subscription.request(9);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a", "failed: no power");
  }

  @Test
  void rule_1_7_nothing_comes_after_the_end() {
    buffer.end(null);
    deliver();
    subscription.request(1);
    subscription.cancel();
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "completed");
  }

  @Test
  void rule_1_8_cancelling_ends_the_signals_and_closes_the_generation_once() {
    put("a", "b");
    recorder.each = () -> subscription.cancel();
    subscription.request(9);
    deliver();
    subscription.cancel();
    put("c");
    buffer.end(null);
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a");
    assertThat(closings).hasValue(1);
  }

  @Test
  void rule_3_3_requesting_from_within_on_next_does_not_recurse() {
    recorder.each =
        () -> {
          assertThat(recorder.depth).isEqualTo(1);
          subscription.request(1);
        };
    for (int i = 0; i < 10_000; i++) {
      put("x");
    }
    subscription.request(1);
    deliver();
    assertThat(recorder.heard).hasSize(10_001);
  }

  @Test
  void rule_3_9_a_request_below_one_fails_the_subscriber_and_closes_the_generation() {
    put("a");
    subscription.request(0);
    deliver();
    assertThat(recorder.heard).hasSize(2);
    assertThat(recorder.heard.getLast()).startsWith("failed: rule 3.9").endsWith("unlike 0");
    assertThat(closings).hasValue(1);
  }

  @Test
  void rule_3_17_demand_that_adds_up_beyond_all_numbers_is_without_end() {
    subscription.request(Long.MAX_VALUE);
    subscription.request(Long.MAX_VALUE);
    put("a", "b");
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a", "b");
  }

  @Test
  void rule_2_13_a_subscriber_that_throws_is_let_go_and_its_generation_closed() {
    recorder.each =
        () -> {
          throw new IllegalStateException("mine");
        };
    put("a", "b");
    subscription.request(9);
    try {
      deliver();
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("mine");
    }
    deliver();
    assertThat(recorder.heard).containsExactly("subscribed", "a");
    assertThat(closings).hasValue(1);
  }

  @Test
  void rule_1_3_signals_are_serial_whatever_thread_they_come_from() throws Exception {
    Recorder serial = new Recorder();
    CountDownLatch done = new CountDownLatch(1);
    serial.end = done::countDown;
    ChunkBuffer shared = new ChunkBuffer(Integer.MAX_VALUE);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      ChunkSubscription concurrent =
          new ChunkSubscription(serial, shared, threads, closings::incrementAndGet);
      shared.claim(concurrent::signal);
      for (int i = 0; i < 4; i++) {
        threads.execute(() -> {
          for (int n = 0; n < 1000; n++) {
            concurrent.request(1);
          }
        });
      }
      for (int i = 0; i < 4000; i++) {
        shared.put(chunk(Integer.toString(i)), IDLE);
      }
      shared.end(null);
      assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(serial.overlaps).isZero();
    assertThat(serial.heard)
        .hasSize(4002)
        .startsWith("subscribed", "0", "1")
        .endsWith("3999", "completed");
  }

  private void put(String... texts) {
    for (String text : texts) {
      buffer.put(chunk(text), IDLE);
    }
  }

  private static TokenChunk chunk(String text) {
    return new TokenChunk(0, text, "", List.of(1), List.of(), null);
  }

  private void deliver() {
    while (!tasks.isEmpty()) {
      tasks.remove().run();
    }
  }

  private static final EngineSequence IDLE =
      new EngineSequence() {
        @Override
        public void cancel() {}

        @Override
        public void resume() {}
      };

  private static final class Recorder implements Flow.Subscriber<TokenChunk> {
    private final List<String> heard = new ArrayList<>();
    private final AtomicInteger within = new AtomicInteger();
    private int overlaps;
    private int depth;
    private Runnable each = () -> {};
    private Runnable end = () -> {};

    @Override
    public void onSubscribe(Flow.Subscription given) {
      hear("subscribed", () -> {});
    }

    @Override
    public void onNext(TokenChunk chunk) {
      hear(chunk.text(), each);
    }

    @Override
    public void onError(Throwable failure) {
      hear("failed: " + failure.getMessage(), end);
    }

    @Override
    public void onComplete() {
      hear("completed", end);
    }

    private void hear(String what, Runnable then) {
      overlaps += within.getAndIncrement();
      depth++;
      heard.add(what);
      try {
        then.run();
      } finally {
        depth--;
        within.decrementAndGet();
      }
    }
  }
}

package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.Tenant;
import dev.serval.api.batching.TensorBatching;
import dev.serval.api.batching.TensorListener;
import dev.serval.api.batching.TensorModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class TensorBatcherTest {
  /** Counts the letters of each text, a batch for each permit. */
  private static final class LetterModel implements TensorModel<String, Integer> {
    final Semaphore permits = new Semaphore(0);
    final CountDownLatch busy = new CountDownLatch(1);
    final List<List<String>> batches = new CopyOnWriteArrayList<>();

    @Override
    public List<Integer> run(List<String> inputs) throws Exception {
      batches.add(inputs);
      busy.countDown();
      permits.acquire();
      if (inputs.contains("bad")) {
        throw new IllegalArgumentException("bad input");
      }
      return inputs.stream().map(String::length).toList();
    }

    @Override
    public int length(String input) {
      return input.length();
    }
  }

  /** Keeps what it hears. */
  private static final class News implements TensorListener {
    final List<String> batches = new CopyOnWriteArrayList<>();
    final AtomicInteger begun = new AtomicInteger();
    final AtomicInteger expired = new AtomicInteger();

    @Override
    public void batch(int inputs, long length, long paddedLength, long nanos) {
      batches.add(inputs + " of " + length + " in " + paddedLength);
    }

    @Override
    public void began(long nanos) {
      begun.incrementAndGet();
    }

    @Override
    public void expired() {
      expired.incrementAndGet();
    }
  }

  private final LetterModel model = new LetterModel();
  private final News news = new News();
  private final List<TensorBatcher<?, ?>> opened = new ArrayList<>();

  private TensorBatcher<String, Integer> batcher(TensorBatching options) {
    TensorBatcher<String, Integer> batcher =
        TensorBatcher.start(
            model,
            options,
            news,
            System::nanoTime,
            Executors.defaultThreadFactory(),
            Thread::startVirtualThread);
    opened.add(batcher);
    return batcher;
  }

  private static TensorBatching options(int maxBatch, int maxWaiting, Integer... preferred) {
    return TensorBatching.DEFAULT
        .withMaxBatch(maxBatch, 4096)
        .withMaxDelay(Duration.ZERO)
        .withMaxWaiting(maxWaiting)
        .withPreferredSizes(preferred);
  }

  /** Occupies the model with one input, so that what follows gathers. */
  private CompletableFuture<Integer> occupy(TensorBatcher<String, Integer> batcher)
      throws InterruptedException {
    CompletableFuture<Integer> first = batcher.submit("x");
    model.busy.await();
    return first;
  }

  @AfterEach
  void close() {
    model.permits.release(1_000_000);
    opened.forEach(TensorBatcher::close);
  }

  @Test
  void what_gathers_while_a_batch_runs_goes_together() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 100));
    var _ = occupy(batcher);
    List<CompletableFuture<Integer>> results =
        IntStream.range(0, 8).mapToObj(i -> batcher.submit("abc")).toList();
    model.permits.release(2);
    for (CompletableFuture<Integer> result : results) {
      assertThat(result.get()).isEqualTo(3);
    }
    assertThat(model.batches).hasSize(2);
    assertThat(model.batches.get(1)).hasSize(8);
  }

  @Test
  void a_lone_caller_is_not_delayed() throws Exception {
    model.permits.release(1);
    TensorBatcher<String, Integer> batcher =
        batcher(TensorBatching.DEFAULT.withMaxDelay(Duration.ofHours(1)));
    assertThat(batcher.submit("abcd").get()).isEqualTo(4);
  }

  @Test
  void a_batch_is_cut_to_a_preferred_size() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 100, 2, 4));
    var _ = occupy(batcher);
    List<CompletableFuture<Integer>> results =
        IntStream.range(0, 7).mapToObj(i -> batcher.submit("abc")).toList();
    model.permits.release(4);
    CompletableFuture.allOf(results.toArray(CompletableFuture[]::new)).get();
    assertThat(model.batches.stream().map(List::size)).containsExactly(1, 4, 2, 1);
  }

  @Test
  void inputs_of_like_length_go_together_and_urgent_ones_first() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 100));
    var _ = occupy(batcher);
    String longer = "a".repeat(100);
    List<CompletableFuture<Integer>> results = new ArrayList<>();
    results.add(batcher.submit("abc"));
    results.add(batcher.submit("a".repeat(76)));
    results.add(batcher.submit("abcd"));
    results.addAll(batcher.submitAll(List.of(longer), -1));
    results.add(batcher.submit("a".repeat(74)));
    model.permits.release(4);
    CompletableFuture.allOf(results.toArray(CompletableFuture[]::new)).get();
    assertThat(model.batches.subList(1, 4))
        .extracting(batch -> batch.stream().map(String::length).toList())
        .containsExactly(List.of(100, 76), List.of(3, 4), List.of(74));
    batcher.close();
    assertThat(news.batches).contains("2 of 176 in 200", "2 of 7 in 8", "1 of 74 in 74");
    assertThat(news.begun).hasValue(6);
  }

  @Test
  void a_batch_is_no_longer_than_allowed_and_what_is_longer_goes_alone() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 100).withMaxBatch(8, 10));
    var _ = occupy(batcher);
    List<CompletableFuture<Integer>> results =
        batcher.submitAll(List.of("abcd", "abcd", "abcd", "a".repeat(11), "a".repeat(11)), 0);
    model.permits.release(5);
    CompletableFuture.allOf(results.toArray(CompletableFuture[]::new)).get();
    assertThat(model.batches.stream().map(List::size)).containsExactly(1, 2, 1, 1, 1);
  }

  @Test
  void a_step_of_priority_overtakes_what_came_less_than_the_aging_step_before() throws Exception {
    TensorBatcher<String, Integer> batcher =
        batcher(options(1, 100).withAgingStep(Duration.ofNanos(1)));
    var _ = occupy(batcher);
    List<CompletableFuture<Integer>> results = new ArrayList<>();
    results.addAll(batcher.submitAll(List.of("slow"), 1));
    results.addAll(batcher.submitAll(List.of("urgent"), 0));
    results.addAll(batcher.submitAll(List.of("never early"), -1_000_000_000));
    model.permits.release(4);
    CompletableFuture.allOf(results.toArray(CompletableFuture[]::new)).get();
    assertThat(model.batches.stream().map(List::getFirst))
        .containsExactly("x", "never early", "slow", "urgent");
  }

  @Test
  void an_input_at_fault_fails_alone() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 100));
    var _ = occupy(batcher);
    CompletableFuture<Integer> good = batcher.submit("abc");
    CompletableFuture<Integer> bad = batcher.submit("bad");
    model.permits.release(4);
    assertThat(good.get()).isEqualTo(3);
    assertThatThrownBy(bad::join)
        .isInstanceOf(CompletionException.class)
        .hasRootCauseMessage("bad input");
  }

  @Test
  void more_than_may_wait_is_refused_at_once_and_several_only_together() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 3));
    var _ = occupy(batcher);
    var _ = batcher.submitAll(List.of("a", "b"), 0);
    assertThatThrownBy(() -> batcher.submitAll(List.of("c", "d"), 0))
        .isInstanceOf(RequestRejectedException.class)
        .hasMessage("2 inputs wait; 2 more would be more than the 3 that may wait");
    var _ = batcher.submit("c");
    assertThatThrownBy(() -> batcher.submit("d")).isInstanceOf(RequestRejectedException.class);
    assertThat(batcher.waiting()).isEqualTo(3);
  }

  @Test
  void an_input_past_its_deadline_is_not_computed() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 10));
    var _ = occupy(batcher);
    CompletableFuture<Integer> late =
        batcher.submitAll(List.of("late"), Tenant.HOST, 0, Duration.ZERO).getFirst();
    model.permits.release(2);
    assertThatThrownBy(late::join)
        .cause()
        .asInstanceOf(type(RequestRejectedException.class))
        .returns(Reason.DEADLINE, RequestRejectedException::reason);
    assertThat(model.batches).hasSize(1);
    assertThat(news.expired).hasValue(1);
  }

  @Test
  void a_tenant_has_no_more_requests_and_tokens_than_its_quota_allows() throws Exception {
    Tenant anna = Tenant.of("anna").withQuota(Quota.ofRequests(1).withTokensPerMinute(8));
    TensorBatcher<String, Integer> batcher = batcher(options(8, 10));
    var first = batcher.submitAll(List.of("ab", "cd"), anna, 0, null);
    assertThat(refused(batcher, anna)).contains("has 1 requests under way");
    first.getLast().cancel(false);
    assertThat(refused(batcher, anna)).contains("has 1 requests under way");
    var other = batcher.submit("xy");
    model.permits.release(10);
    assertThat(first.getFirst().get()).isEqualTo(2);
    assertThat(other.get()).isEqualTo(2);
    batcher.submitAll(List.of("ab"), anna, 0, null).getFirst().get();
    assertThat(refused(batcher, anna)).contains("its quota of 8 a minute");
    assertThat(batcher.waiting()).isZero();
  }

  private static String refused(TensorBatcher<String, Integer> batcher, Tenant tenant) {
    RequestRejectedException refusal =
        catchThrowableOfType(
            RequestRejectedException.class,
            () -> batcher.submitAll(List.of("abc"), tenant, 0, null));
    assertThat(refusal.reason()).isEqualTo(Reason.QUOTA);
    return refusal.getMessage();
  }

  @Test
  void a_cancelled_input_is_not_computed_and_gives_its_place_back() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 1));
    var _ = occupy(batcher);
    batcher.submit("gone").cancel(false);
    CompletableFuture<Integer> next = batcher.submit("next");
    model.permits.release(2);
    assertThat(next.get()).isEqualTo(4);
    assertThat(model.batches).containsExactly(List.of("x"), List.of("next"));
  }

  @Test
  void closing_fails_what_waits_and_nothing_is_accepted_after() throws Exception {
    TensorBatcher<String, Integer> batcher = batcher(options(8, 10));
    CompletableFuture<Integer> running = occupy(batcher);
    CompletableFuture<Integer> waiting = batcher.submit("abc");
    Thread closer = Thread.ofPlatform().start(batcher::close);
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    model.permits.release(1);
    closer.join();
    assertThat(running.get()).isEqualTo(1);
    assertThatThrownBy(waiting::join).hasCauseInstanceOf(RequestRejectedException.class);
    assertThatThrownBy(() -> batcher.submit("late")).hasMessageContaining("closed");
    assertThat(batcher.waiting()).isZero();
  }

  @Test
  void what_a_listener_throws_does_no_harm() throws Exception {
    model.permits.release(2);
    Set<Throwable> seen = ConcurrentHashMap.newKeySet();
    TensorListener thrower =
        new TensorListener() {
          @Override
          public void batch(int inputs, long length, long paddedLength, long nanos) {
            throw new IllegalStateException("by the listener");
          }
        };
    TensorBatcher<String, Integer> batcher =
        TensorBatcher.start(
            model,
            options(8, 10),
            thrower,
            System::nanoTime,
            Thread.ofPlatform().uncaughtExceptionHandler((thread, e) -> seen.add(e)).factory(),
            Runnable::run);
    opened.add(batcher);
    assertThat(batcher.submit("a").get()).isOne();
    assertThat(batcher.submit("bc").get()).isEqualTo(2);
    assertThat(seen).isNotEmpty().allMatch(e -> e.getMessage().equals("by the listener"));
  }

  @Test
  void an_executor_that_refuses_leaves_nobody_waiting() throws Exception {
    model.permits.release(1);
    TensorBatcher<String, Integer> batcher =
        TensorBatcher.start(
            model,
            options(8, 10),
            TensorListener.NONE,
            System::nanoTime,
            Executors.defaultThreadFactory(),
            task -> {
              throw new RejectedExecutionException("closed");
            });
    opened.add(batcher);
    assertThat(batcher.submit("abc").get()).isEqualTo(3);
  }

  @Test
  void sixteen_callers_get_their_own_answers() throws Exception {
    model.permits.release(1_000_000);
    TensorBatcher<String, Integer> batcher = batcher(TensorBatching.DEFAULT);
    try (var callers = Executors.newFixedThreadPool(16)) {
      var answers =
          IntStream.range(0, 4000)
              .mapToObj(
                  i -> callers.submit(() -> batcher.submit("a".repeat(i % 37)).get() == i % 37))
              .toList();
      for (var answer : answers) {
        assertThat(answer.get()).isTrue();
      }
    }
    assertThat(batcher.waiting()).isZero();
  }
}

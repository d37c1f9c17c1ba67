package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.Bytes;
import dev.serval.api.FinishReason;
import dev.serval.api.Generation;
import dev.serval.api.GenerationResult;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServingRuntime;
import dev.serval.api.ServingRuntime.State;
import dev.serval.api.TokenChunk;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A runtime's life and what it leaves behind: nothing. */
final class LifecycleTest {
  private final OracleRequests requests = new OracleRequests(Oracle.named("qwen3"));
  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void aModel() throws IOException {
    model = requests.oracle().folder(folder);
  }

  @Test
  void opening_serving_and_closing_again_and_again_leaves_no_thread_and_no_memory() {
    Threads before = Threads.now();
    for (int round = 0; round < 5; round++) {
      AssembledRuntime runtime = open();
      requests.check(runtime, round % requests.count(), "in round " + round);
      assertThat(runtime.memory().used()).isGreaterThan(Bytes.ZERO);
      runtime.close();
      runtime.close();
      assertThat(runtime.state()).isEqualTo(State.CLOSED);
      assertThat(runtime.memory().used()).isEqualTo(Bytes.ZERO);
    }
    before.assertNoneLeft();
  }

  @Test
  void two_runtimes_live_side_by_side_and_one_does_not_miss_the_other() {
    ServingRuntime one = open();
    try (ServingRuntime two = open()) {
      Generation first = requests.begin(one, 1);
      Generation second = requests.begin(two, 2);
      requests.checkResult(first, 1, "in the first of two");
      requests.checkResult(second, 2, "in the second of two");
      one.close();
      requests.check(two, 3, "after the first has gone");
    }
  }

  @Test
  void a_draining_runtime_finishes_what_it_has_and_takes_no_more() throws InterruptedException {
    try (ServingRuntime runtime = open()) {
      Generation generation = requests.begin(runtime, 2);
      CompletableFuture<GenerationResult> result = generation.result().toCompletableFuture();
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
      assertThat(runtime.state()).isEqualTo(State.DRAINING);
      assertThat(result.join().choices().getFirst().tokenIds()).isEqualTo(requests.answer(2));
      RequestRejectedException e =
          catchThrowableOfType(
              RequestRejectedException.class, () -> requests.begin(runtime, 0).close());
      assertThat(e.reason()).isEqualTo(Reason.CLOSING);
    }
  }

  @Test
  void draining_finishes_all_choices_of_a_request_also_those_that_have_yet_to_begin()
      throws InterruptedException {
    try (ServingRuntime runtime = open()) {
      Generation generation = runtime.submit(requests.request(3).choices(6).build());
      CompletableFuture<GenerationResult> result = generation.result().toCompletableFuture();
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
      assertThat(result.join().choices())
          .hasSize(6)
          .allSatisfy(choice -> assertThat(choice.tokenIds()).isEqualTo(requests.answer(3)));
    }
  }

  @Test
  void draining_gives_up_at_its_limit_when_a_stream_is_not_read() throws InterruptedException {
    try (ServingRuntime runtime = open()) {
      Generation unread = runtime.submit(requests.request(1).maxTokens(400).build());
      assertThat(runtime.drain(Duration.ofMillis(300))).isFalse();
      unread.close();
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
    }
  }

  @Test
  void closing_cancels_what_is_left_and_its_readers_are_told() {
    ServingRuntime runtime = open();
    Generation read = runtime.submit(requests.request(1).maxTokens(400).build());
    Generation awaited = runtime.submit(requests.request(2).maxTokens(400).choices(3).build());
    CompletableFuture<GenerationResult> result = awaited.result().toCompletableFuture();
    Iterator<TokenChunk> chunks = read.iterator();
    chunks.next();
    runtime.close();
    TokenChunk last = chunks.next();
    while (chunks.hasNext()) {
      last = chunks.next();
    }
    assertThat(last.finish()).isEqualTo(FinishReason.CANCELLED);
    assertThat(result.join().choices()).hasSize(3);
    RequestRejectedException e =
        catchThrowableOfType(
            RequestRejectedException.class, () -> requests.begin(runtime, 0).close());
    assertThat(e).hasMessage("the runtime is closed");
  }

  private AssembledRuntime open() {
    return (AssembledRuntime)
        Serval.builder().model(model).kvDtype(DType.F32).streamBuffer(64).build();
  }
}

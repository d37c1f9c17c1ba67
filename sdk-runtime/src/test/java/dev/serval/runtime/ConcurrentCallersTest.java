package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.Generation;
import dev.serval.api.GenerationResult;
import dev.serval.api.IsolationScope;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many callers of one engine, who know nothing of each other. */
final class ConcurrentCallersTest {
  private final OracleRequests requests = new OracleRequests(Oracle.named("llama"));
  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void aModel() throws IOException {
    model = requests.oracle().folder(folder);
  }

  @Test
  void sixteen_callers_with_random_cancels_get_the_right_tokens_and_leave_no_block_behind()
      throws Exception {
    long seed = System.nanoTime();
    try (ServingRuntime runtime =
            builder().kvBudget(Bytes.of(24 * 16 * 192 * 4)).streamBuffer(8).build();
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        Random random = new Random(seed + i);
        running.add(callers.submit(() -> call(runtime, random)));
      }
      for (Future<?> caller : running) {
        finish(caller, seed);
      }
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  private static void finish(Future<?> caller, long seed) throws InterruptedException {
    try {
      caller.get();
    } catch (ExecutionException e) {
      throw new AssertionError("with seed " + seed, e.getCause());
    }
  }

  /** Some requests, each read to its end, cancelled somewhere, or only its result awaited. */
  private Void call(ServingRuntime runtime, Random random) {
    for (int round = 0; round < 12; round++) {
      int prompt = random.nextInt(requests.count());
      int cancelAfter = random.nextInt(3) == 0 ? random.nextInt(24) : Integer.MAX_VALUE;
      IsolationScope scope = IsolationScope.of("caller " + random.nextInt(3));
      Generation generation = runtime.submit(requests.request(prompt).scope(scope).build());
      if (cancelAfter == Integer.MAX_VALUE && random.nextBoolean()) {
        requests.checkResult(generation, prompt, "by its result");
      } else {
        checkStream(generation, prompt, cancelAfter);
      }
    }
    return null;
  }

  private void checkStream(Generation generation, int prompt, int cancelAfter) {
    List<Integer> tokens = new ArrayList<>();
    for (TokenChunk chunk : generation) {
      tokens.addAll(chunk.tokenIds());
      if (tokens.size() == cancelAfter) {
        generation.close();
      }
    }
    if (cancelAfter >= 24) {
      assertThat(tokens).isEqualTo(requests.answer(prompt));
    } else {
      assertThat(requests.answer(prompt)).startsWith(tokens.toArray(Integer[]::new));
    }
  }

  @Test
  void a_reader_that_stands_still_holds_up_nobody_else() throws InterruptedException {
    try (ServingRuntime runtime = builder().streamBuffer(4).build()) {
      Generation slow = runtime.submit(requests.request(1).maxTokens(300).build());
      Iterator<TokenChunk> reader = slow.iterator();
      reader.next();
      for (int i = 0; i < 8; i++) {
        requests.check(runtime, i % requests.count(), "beside a reader that stands still");
      }
      int read = 1;
      while (reader.hasNext()) {
        read += reader.next().tokenIds().size();
      }
      assertThat(read).isEqualTo(300);
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  @Test
  void a_generation_that_is_closed_frees_its_blocks_at_once() throws InterruptedException {
    try (ServingRuntime runtime = builder().build()) {
      try (Generation generation =
          runtime.submit(requests.request(3).maxTokens(400).choices(3).build())) {
        generation.iterator().next();
      }
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  @Test
  void more_requests_than_may_wait_are_rejected_and_the_others_served() {
    try (ServingRuntime runtime = builder().maxRunning(1).maxWaiting(2).build()) {
      List<Generation> taken = new ArrayList<>();
      int rejected = 0;
      for (int i = 0; i < 20; i++) {
        try {
          taken.add(runtime.submit(requests.request(1).maxTokens(200).build()));
        } catch (RequestRejectedException e) {
          assertThat(e.reason()).isEqualTo(Reason.OVERLOADED);
          rejected++;
        }
      }
      assertThat(rejected).isPositive();
      for (Generation generation : taken) {
        GenerationResult result = OracleRequests.result(generation);
        assertThat(result.usage().completionTokens()).isEqualTo(200);
      }
    }
  }

  @Test
  void streams_that_nobody_reads_do_not_starve_those_that_come_after() {
    try (ServingRuntime runtime =
        builder().kvBudget(Bytes.of(12 * 16 * 192 * 4)).streamBuffer(4).build()) {
      List<Generation> forgotten = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        forgotten.add(runtime.submit(requests.request(2).maxTokens(100).build()));
      }
      requests.check(runtime, 3, "beside streams that nobody reads");
      forgotten.forEach(Generation::close);
    }
  }

  private ServingRuntimeBuilder builder() {
    return Serval.builder().model(model).kvDtype(DType.F32).warmUp(Duration.ZERO);
  }
}

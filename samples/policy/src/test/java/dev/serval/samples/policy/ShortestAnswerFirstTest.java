package dev.serval.samples.policy;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.inject.Guice;
import com.google.inject.Module;
import com.google.inject.multibindings.Multibinder;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.guice.ServalModule;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.Serval;
import dev.serval.testkit.OrderPolicyContract;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Comparator;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The policy keeps its contract, and is there under its name however a runtime is assembled. */
final class ShortestAnswerFirstTest extends OrderPolicyContract {
  private static final String ON_THE_SCREEN =
      "shortest-answer: the shortest answer first, with age";

  @TempDir Path folder;

  @Override
  protected OrderPolicy policy() {
    return new ShortestAnswerFirst();
  }

  /** Chunk policies are asked about prompts of several tokens. */
  private static GenerationRequest request(Oracle oracle, int tokens) {
    int[] prompt = Collections.max(oracle.prompts(), Comparator.comparingInt(each -> each.length));
    return GenerationRequest.builder(Prompt.tokens(prompt))
        .maxTokens(tokens)
        .ignoreEos(true)
        .build();
  }

  @Test
  void it_is_found_as_a_service_and_decides() throws Exception {
    Oracle oracle = Oracle.named("llama");
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch submitted = new CountDownLatch(1);
    try (ServingRuntime runtime =
        Serval.builder()
            .model(oracle.folder(folder))
            .maxRunning(1)
            .warmUp(Duration.ZERO)
            .order("shortest-answer")
            .chunk((sequence, plan, snapshot) -> {
              begun.countDown();
              return awaited(submitted);
            })
            .build()) {
      assertThat(runtime.describe().toString()).contains(ON_THE_SCREEN);
      runtime.submit(request(oracle, 100));
      assertThat(begun.await(2, TimeUnit.MINUTES)).isTrue();
      Generation longer = runtime.submit(request(oracle, 90));
      Generation shorter = runtime.submit(request(oracle, 10));
      submitted.countDown();
      assertThat(total(shorter)).isLessThan(total(longer));
    }
  }

  /** Lets no prompt begin before the signal. */
  private static int awaited(CountDownLatch signal) {
    try {
      return signal.await(2, TimeUnit.MINUTES) ? 1000 : 1;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static long total(Generation generation) {
    return generation.result().toCompletableFuture().join().timings().total().toNanos();
  }

  @Test
  void it_can_be_bound_in_guice_and_chosen_by_its_name() throws IOException {
    Path model = Oracle.named("llama").folder(folder);
    Module parts =
        binder -> {
          Multibinder.newSetBinder(binder, ModelSource.class)
              .addBinding()
              .toInstance(ModelSource.of(model));
          Multibinder.newSetBinder(binder, PolicyProvider.class)
              .addBinding()
              .to(ShortestAnswerFirst.class);
        };
    ServalModule serval =
        new ServalModule(
            options -> options.services(true).warmUp(Duration.ZERO).order("shortest-answer"));
    try (ServingRuntime runtime =
        Guice.createInjector(serval, parts).getInstance(ServingRuntime.class)) {
      assertThat(runtime.describe().toString()).contains(ON_THE_SCREEN);
    }
  }
}

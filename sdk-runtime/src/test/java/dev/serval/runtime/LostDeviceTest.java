package dev.serval.runtime;

import static dev.serval.runtime.StandInModel.PREFERRED;
import static dev.serval.runtime.StandInModel.REQUIRED;
import static dev.serval.runtime.StandInModel.await;
import static dev.serval.runtime.StandInModel.device;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.Generation;
import dev.serval.api.GenerationFailedException;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.gpu.standin.StandIn;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A GPU that is lost while a model runs on it: requests fail or move, and the runtime lives. */
@Timeout(120)
final class LostDeviceTest {
  private static final int DOUBLE_BIT = 48;
  private static final int CONTEXT_SWITCH = 109;
  private static final int RESET = 1;

  @RegisterExtension final StandInModel served = new StandInModel();

  private final StandIn machine = served.machine();
  private final OracleRequests requests = served.requests();

  /** A request whose reader has had a token, and does not read on: its engine rests. */
  private Iterator<TokenChunk> begun(ServingRuntime runtime) throws InterruptedException {
    return begun(runtime.submit(requests.request(1).maxTokens(400).build()));
  }

  private Iterator<TokenChunk> begun(Generation generation) throws InterruptedException {
    Iterator<TokenChunk> chunks = generation.iterator();
    chunks.next();
    long before;
    do {
      before = machine.calls("cuStreamSynchronize");
      Thread.sleep(200);
    } while (machine.calls("cuStreamSynchronize") != before);
    return chunks;
  }

  private static GenerationFailedException failure(Iterator<TokenChunk> chunks) {
    return catchThrowableOfType(
        GenerationFailedException.class, () -> chunks.forEachRemaining(_ -> {}));
  }

  @Test
  void a_request_under_way_fails_in_a_sentence_and_the_model_goes_on_elsewhere()
      throws InterruptedException {
    try (ServingRuntime runtime = served.builder(PREFERRED).streamBuffer(4).build()) {
      String gpu = device(runtime);
      Iterator<TokenChunk> reader = begun(runtime);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      GenerationFailedException failure = failure(reader);
      assertThat(failure).hasMessageContaining(gpu).hasMessageContaining("is lost");
      assertThat(failure).hasCauseInstanceOf(DeviceGoneException.class);
      for (int prompt = 0; prompt < 3; prompt++) {
        requests.check(runtime, prompt, "after the GPU was lost");
      }
      assertThat(runtime.state()).isEqualTo(ServingRuntime.State.READY);
      assertThat(device(runtime)).isEqualTo("cpu:0");
      assertThat(runtime.describe().toString()).contains(gpu + " was left: ");
    }
  }

  @Test
  void requests_that_have_had_no_token_move_with_the_model() throws InterruptedException {
    try (ServingRuntime runtime = served.builder(PREFERRED).maxRunning(1).streamBuffer(4).build()) {
      Iterator<TokenChunk> reader = begun(runtime);
      machine.breakContexts(0, StandIn.ILLEGAL_ADDRESS);
      CompletableFuture<GenerationResult> first = waiting(runtime, 0);
      CompletableFuture<GenerationResult> second = waiting(runtime, 2);
      assertThat(failure(reader)).hasMessageContaining("is lost");
      assertThat(first.join().choices().getFirst().tokenIds()).isEqualTo(requests.answer(0));
      assertThat(second.join().choices().getFirst().tokenIds()).isEqualTo(requests.answer(2));
      assertThat(device(runtime)).isEqualTo("cpu:0");
    }
  }

  private CompletableFuture<GenerationResult> waiting(ServingRuntime runtime, int prompt) {
    return requests.begin(runtime, prompt).result().toCompletableFuture();
  }

  @Test
  void all_choices_of_a_request_that_had_a_token_end_with_it() throws InterruptedException {
    try (ServingRuntime runtime = served.builder(PREFERRED).streamBuffer(4).build()) {
      Generation generation = runtime.submit(requests.request(1).maxTokens(400).choices(3).build());
      Iterator<TokenChunk> reader = begun(generation);
      machine.breakContexts(0, StandIn.ILLEGAL_ADDRESS);
      assertThat(failure(reader)).hasMessageContaining("is lost");
      assertThatThrownBy(() -> generation.result().toCompletableFuture().join())
          .isInstanceOf(CompletionException.class)
          .hasMessageContaining("is lost");
      requests.check(runtime, 0, "after the GPU was lost");
    }
  }

  @Test
  void a_model_that_must_have_a_gpu_fails_each_request_and_says_why_it_cannot_move()
      throws InterruptedException {
    try (ServingRuntime runtime = served.builder(REQUIRED).build()) {
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> OracleRequests.result(requests.begin(runtime, 0)))
            .hasMessageContaining("is lost")
            .hasMessageContaining("it cannot move: model 'llama' needs a GPU");
      }
      assertThat(runtime.state()).isEqualTo(ServingRuntime.State.READY);
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
    }
  }

  @Test
  void another_gpu_is_as_good() {
    served.twoGpus();
    try (ServingRuntime runtime = served.builder(REQUIRED).build()) {
      String first = device(runtime);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "from one GPU to the other");
      assertThat(device(runtime)).startsWith("gpu:").isNotEqualTo(first);
    }
  }

  @Test
  void a_device_that_is_reported_unhealthy_is_left_before_it_fails() throws InterruptedException {
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      machine.recovery(0, RESET);
      machine.xid(0, DOUBLE_BIT);
      await("was left: the driver reported Xid 48", runtime);
      requests.check(runtime, 0, "after the Xid");
      assertThat(device(runtime)).isEqualTo("cpu:0");
      assertThat(runtime.describe().toString()).contains("not used: the driver reported Xid 48");
    }
  }

  @Test
  void a_reader_who_has_paused_hears_of_an_unhealthy_device_too() throws InterruptedException {
    try (ServingRuntime runtime = served.builder(PREFERRED).streamBuffer(1).build()) {
      Iterator<TokenChunk> reader = begun(runtime);
      machine.recovery(0, RESET);
      machine.xid(0, DOUBLE_BIT);
      assertThat(failure(reader)).hasMessageContaining("the driver reported Xid 48");
      requests.check(runtime, 0, "after the Xid");
    }
  }

  @Test
  void a_device_in_doubt_keeps_its_models_and_gets_no_more() throws InterruptedException {
    served.twoGpus();
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      String first = device(runtime);
      machine.xid(0, CONTEXT_SWITCH);
      machine.xid(1, CONTEXT_SWITCH);
      await("not used: the driver reported Xid 109", 2, runtime);
      requests.check(runtime, 0, "in doubt");
      assertThat(device(runtime)).isEqualTo(first);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 1, "past a GPU in doubt");
      assertThat(device(runtime)).isEqualTo("cpu:0");
    }
  }

  @Test
  void a_card_that_falls_off_the_bus_takes_nothing_with_it() {
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      requests.check(runtime, 0, "before");
      machine.lose(0, StandIn.UNKNOWN);
      requests.check(runtime, 1, "after");
      assertThat(device(runtime)).isEqualTo("cpu:0");
    }
  }

  @Test
  void a_runtime_closes_while_its_model_is_lost_and_on_its_way() throws InterruptedException {
    ServingRuntime runtime = served.builder(PREFERRED).streamBuffer(4).build();
    Iterator<TokenChunk> reader = begun(runtime);
    machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
    assertThat(failure(reader)).hasMessageContaining("is lost");
    CompletableFuture<GenerationResult> result = waiting(runtime, 0);
    runtime.close();
    assertThat(result.handle((_, _) -> "ended")).succeedsWithin(Duration.ofMinutes(1));
    assertThat(machine.leaks()).isEmpty();
  }
}

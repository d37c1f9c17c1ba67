package dev.serval.runtime;

import static dev.serval.runtime.StandInModel.PREFERRED;
import static dev.serval.runtime.StandInModel.REQUIRED;
import static dev.serval.runtime.StandInModel.await;
import static dev.serval.runtime.StandInModel.device;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Generation;
import dev.serval.api.GenerationResult;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.api.compute.DType;
import dev.serval.api.device.DevicePreference;
import dev.serval.gpu.standin.StandIn;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A GPU that was lost and is well again gets its model back, and no request is dropped for it. */
@Timeout(120)
final class ReturnedDeviceTest {
  private static final Duration QUIET = Duration.ofMinutes(1);
  private static final String BACK = "it was lost and is well again";
  private static final int DOUBLE_BIT = 48;
  private static final int RESET = 1;

  @RegisterExtension final StandInModel served = new StandInModel();

  private final StandIn machine = served.machine();
  private final OracleRequests requests = served.requests();

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));

  /** The time of day passes when the test says so. */
  private ServingRuntimeBuilder builder(DevicePreference wish) {
    return served
        .builder(wish)
        .kvDtype(DType.F32)
        .returnAfter(QUIET)
        .clocks(now::get, System::nanoTime);
  }

  private void pass(Duration time) {
    now.updateAndGet(before -> before.plus(time));
  }

  /** A look that came too early is followed by another. */
  private void awaitReturn(ServingRuntime runtime) throws InterruptedException {
    for (int i = 0; i < 3000 && !runtime.describe().toString().contains(BACK); i++) {
      pass(QUIET);
      Thread.sleep(10);
    }
    await(BACK, runtime);
  }

  private GenerationResult first(ServingRuntime runtime) {
    return OracleRequests.result(requests.begin(runtime, 0));
  }

  @Test
  void a_model_goes_back_while_callers_call_and_each_is_answered() throws Exception {
    try (ServingRuntime runtime = builder(PREFERRED).build()) {
      String gpu = device(runtime);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "when the GPU was lost");
      assertThat(device(runtime)).isEqualTo("cpu:0");
      pass(QUIET);
      List<CompletableFuture<Integer>> callers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        callers.add(CompletableFuture.supplyAsync(() -> callUntilBack(runtime, gpu)));
      }
      for (CompletableFuture<Integer> caller : callers) {
        assertThat(caller.join()).isPositive();
      }
      assertThat(runtime.describe().toString()).contains(BACK);
      requests.check(runtime, 1, "on the GPU again");
    }
  }

  private int callUntilBack(ServingRuntime runtime, String gpu) {
    int calls = 0;
    while (!device(runtime).equals(gpu)) {
      requests.check(runtime, calls++ % requests.count(), "until it is back");
    }
    requests.check(runtime, 0, "when it is back");
    return calls + 1;
  }

  @Test
  void what_has_begun_elsewhere_ends_there() throws InterruptedException {
    try (ServingRuntime runtime = builder(PREFERRED).streamBuffer(2).build()) {
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      first(runtime);
      Generation slow = runtime.submit(requests.request(1).maxTokens(100).build());
      Iterator<TokenChunk> reader = slow.iterator();
      reader.next();
      pass(QUIET);
      await(BACK, runtime);
      requests.check(runtime, 2, "beside one that is still elsewhere");
      assertThat(OracleRequests.load(runtime).running()).isOne();
      int chunks = 1;
      for (; reader.hasNext(); chunks++) {
        reader.next();
      }
      assertThat(chunks).isEqualTo(100);
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  @Test
  void a_card_gets_its_model_back_only_when_it_is_found_again() throws InterruptedException {
    try (ServingRuntime runtime = builder(PREFERRED).build()) {
      machine.lose(0, StandIn.UNKNOWN);
      requests.check(runtime, 0, "without the card");
      pass(QUIET);
      Thread.sleep(500);
      assertThat(device(runtime)).isEqualTo("cpu:0");
      machine.lose(0, 0);
      awaitReturn(runtime);
      requests.check(runtime, 1, "with the card again");
    }
  }

  @Test
  void a_device_that_was_reset_gets_its_model_back_when_the_driver_says_so()
      throws InterruptedException {
    try (ServingRuntime runtime = builder(PREFERRED).build()) {
      machine.recovery(0, RESET);
      machine.xid(0, DOUBLE_BIT);
      await("was left: the driver reported Xid 48", runtime);
      pass(QUIET);
      Thread.sleep(500);
      assertThat(device(runtime)).isEqualTo("cpu:0");
      machine.recovery(0, 0);
      awaitReturn(runtime);
      assertThat(runtime.describe().toString()).doesNotContain("not used");
      requests.check(runtime, 0, "after the reset");
    }
  }

  @Test
  void a_model_that_could_go_nowhere_is_served_again() throws InterruptedException {
    try (ServingRuntime runtime = builder(REQUIRED).build()) {
      machine.lose(0, StandIn.UNKNOWN);
      assertThatThrownBy(() -> first(runtime)).hasMessageContaining("it cannot move");
      assertThatThrownBy(() -> first(runtime)).hasMessageContaining("it cannot move");
      machine.lose(0, 0);
      awaitReturn(runtime);
      requests.check(runtime, 0, "on the only GPU there is");
    }
  }

  @Test
  void of_two_gpus_the_first_one_gets_its_model_back() throws InterruptedException {
    served.twoGpus();
    try (ServingRuntime runtime = builder(REQUIRED).build()) {
      String first = device(runtime);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "on the second");
      assertThat(device(runtime)).isNotEqualTo(first);
      pass(QUIET);
      await(BACK, runtime);
      assertThat(device(runtime)).isEqualTo(first);
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "on the second again");
      assertThat(device(runtime)).isNotEqualTo(first);
      pass(QUIET);
      Thread.sleep(500);
      assertThat(device(runtime)).as("lost twice, it waits twice as long").isNotEqualTo(first);
      pass(QUIET);
      await(BACK, runtime);
    }
  }

  @Test
  void a_device_that_has_no_room_yet_is_tried_again_later_and_requests_notice_nothing()
      throws InterruptedException {
    try (ServingRuntime runtime = builder(PREFERRED).build()) {
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "when the GPU was lost");
      machine.fail("cuMemAllocFromPoolAsync", 0, -1, StandIn.OUT_OF_MEMORY);
      long calls = machine.calls("cuMemAllocFromPoolAsync");
      pass(QUIET);
      while (machine.calls("cuMemAllocFromPoolAsync") == calls) {
        requests.check(runtime, 1, "while the GPU is full");
      }
      assertThat(device(runtime)).isEqualTo("cpu:0");
      machine.heal();
      while (device(runtime).equals("cpu:0")) {
        pass(QUIET); // again and again, since the attempt that failed may end after any one
        requests.check(runtime, 2, "until it has room");
      }
      await(BACK, runtime);
      requests.check(runtime, 2, "when it has room");
    }
  }

  @Test
  void a_model_that_moved_is_warm_before_it_takes_requests() throws InterruptedException {
    try (ServingRuntime runtime =
        builder(PREFERRED).maxRunning(4).warmUp(Duration.ofSeconds(2)).build()) {
      machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      requests.check(runtime, 0, "when the GPU was lost");
      long launched = machine.executed("graphs");
      pass(QUIET);
      await(BACK, runtime);
      assertThat(machine.executed("graphs")).isGreaterThan(launched);
      requests.check(runtime, 1, "on a warm GPU");
    }
  }

  @Test
  void a_runtime_closes_while_a_reader_is_still_where_the_model_was() throws InterruptedException {
    ServingRuntime runtime = builder(PREFERRED).streamBuffer(1).build();
    machine.breakContexts(0, StandIn.ECC_UNCORRECTABLE);
    first(runtime);
    Generation slow = runtime.submit(requests.request(1).maxTokens(100).build());
    slow.iterator().next();
    pass(QUIET);
    await(BACK, runtime);
    runtime.close();
    assertThat(machine.leaks()).isEmpty();
  }
}

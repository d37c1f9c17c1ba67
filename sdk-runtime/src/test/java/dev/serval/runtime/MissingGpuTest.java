package dev.serval.runtime;

import static dev.serval.runtime.StandInModel.PREFERRED;
import static dev.serval.runtime.StandInModel.REQUIRED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.ServingRuntime;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.placement.PlacementException;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.models.GgufOracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Runtimes that want a GPU where none can be had: a sentence each, and a processor where that will
 * do.
 */
final class MissingGpuTest {
  @RegisterExtension final StandInModel served = new StandInModel();

  private final StandIn machine = served.machine();
  private final OracleRequests requests = served.requests();

  @Test
  void a_gpu_that_is_there_is_taken_and_answers_as_the_oracle_does() {
    try (ServingRuntime runtime = served.builder(REQUIRED).build()) {
      requests.check(runtime, 0, "on the stand-in");
      assertThat(runtime.describe().toString()).contains("cuda, ", "NVML knows 1 device");
    }
  }

  @Test
  void without_a_driver_a_preference_falls_back_and_says_what_was_looked_for() {
    Path nowhere = served.folder().resolve("libcuda.so.1");
    StandInMachine without = new StandInMachine(nowhere, nowhere);
    try (ServingRuntime runtime = served.builder(without, PREFERRED).build()) {
      requests.check(runtime, 0, "without a driver");
      assertThat(runtime.describe().toString())
          .contains("no NVIDIA driver: there is no library at " + nowhere)
          .contains("taken because there is no GPU");
    }
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> served.builder(without, REQUIRED).build())
        .withMessageContaining("needs a GPU")
        .withMessageContaining("there is cpu:0")
        .withMessageContaining("no NVIDIA driver: there is no library at " + nowhere);
  }

  @Test
  void an_old_driver_is_named_with_its_version_and_the_one_needed() {
    machine.configure("driver=11080");
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      requests.check(runtime, 0, "beside an old driver");
      assertThat(runtime.describe().toString())
          .contains("is too old: it is of CUDA 11.8, and 12.0 is needed");
    }
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> served.builder(REQUIRED).build())
        .withMessageContaining("is too old: it is of CUDA 11.8, and 12.0 is needed");
  }

  @Test
  void a_driver_without_nvml_serves_and_the_screen_says_what_is_not_known() {
    StandInMachine half =
        new StandInMachine(machine.library(), served.folder().resolve("libnvidia-ml.so.1"));
    try (ServingRuntime runtime = served.builder(half, REQUIRED).build()) {
      requests.check(runtime, 0, "without NVML");
      assertThat(runtime.describe().toString())
          .contains("without free memory, NVLinks, processes and health");
    }
  }

  @Test
  void a_card_that_is_too_small_is_passed_over_or_named_with_what_is_free() {
    machine.configure("memory=512k", "capability=8.0");
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      assertThat(runtime.describe().toString()).contains("taken because no GPU has room");
    }
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> served.builder(REQUIRED).build())
        .withMessageContaining("needs a GPU with")
        .withMessageContaining("for weights), cpu:0");
  }

  @Test
  void a_card_with_room_for_the_file_but_not_for_what_is_made_of_it_is_passed_over()
      throws IOException {
    Path file = GgufOracle.named("llama-Q4_K_M").file(served.folder());
    StandInMachine libraries = StandInMachine.of(machine);
    try (ServingRuntime runtime = libraries.runtime(file).device(REQUIRED).build()) {
      assertThat(runtime.describe().toString()).contains("MiB in the file");
    }
    machine.configure("memory=3m", "capability=8.0");
    assertThat(Files.size(file)).isLessThan(Bytes.mebi(2).count());
    try (ServingRuntime runtime = libraries.runtime(file).device(PREFERRED).build()) {
      assertThat(runtime.describe().toString())
          .contains("taken because no GPU has room")
          .doesNotContain("was tried");
    }
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> libraries.runtime(file).device(REQUIRED).build())
        .withMessageContaining("2.8 MiB free of the 5 MiB needed, 5 MiB of them for weights");
  }

  @Test
  void a_card_that_is_full_when_the_model_is_loaded_is_left_or_named() {
    machine.fail("cuMemAllocFromPoolAsync", 2, -1, StandIn.OUT_OF_MEMORY);
    try (ServingRuntime runtime = served.builder(PREFERRED).build()) {
      requests.check(runtime, 0, "beside a full card");
      assertThat(runtime.describe().toString()).contains("was tried:", "device memory");
    }
    assertThat(machine.leaks()).isEmpty();
    assertThatThrownBy(() -> served.builder(REQUIRED).build())
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessageStartingWith("gpu:")
        .hasMessageContaining("device memory");
  }
}

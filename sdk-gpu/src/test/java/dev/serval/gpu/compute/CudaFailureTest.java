package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.ConfigurationException;
import dev.serval.api.ServalException;
import dev.serval.api.compute.DType;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.model.StepLimits;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.models.SteppedModel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What goes wrong on a device is a sentence, and leaves nothing behind. */
final class CudaFailureTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=256m", "capability=8.0");

  private static final SteppedModel.Setup SETUP =
      new SteppedModel.Setup(DType.BF16, 16, 32, new StepLimits(32, 4));
  private static final int[] PROMPT = {5, 6, 7};

  @BeforeEach
  void on_the_stand_in() {
    assumeThat(TestedGpu.isReal()).as("a GPU of silicon does not fail on demand").isFalse();
  }

  private static GpuModel model(SteppedModel.Setup setup) {
    return new GpuModel(new RandomLlama(), GPU.provider(), GPU.device(), setup);
  }

  @Test
  void memory_that_is_missing_at_any_allocation_is_a_sentence_and_leaves_nothing_behind() {
    for (String function : List.of("cuMemAllocFromPoolAsync", "cuMemHostAlloc")) {
      int refused = 0;
      for (boolean loaded = false; !loaded; refused++) {
        GPU.standIn().fail(function, refused, 1, StandIn.OUT_OF_MEMORY);
        try (GpuModel model = model(SETUP)) {
          loaded = model.logits(PROMPT, 3).length > 0;
        } catch (ServalException e) {
          assertThat(e).hasMessageContaining("emory");
        } finally {
          GPU.standIn().heal();
        }
        assertThat(GPU.standIn().leaks()).isEmpty();
      }
      assertThat(refused).as("allocations by %s", function).isGreaterThan(2);
    }
  }

  @Test
  void more_than_the_device_has_is_refused_by_name_and_amounts() {
    SteppedModel.Setup large =
        new SteppedModel.Setup(DType.BF16, 16, 1 << 20, new StepLimits(32, 4));
    assertThatThrownBy(() -> model(large))
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessageStartingWith(
            "gpu:0/test/KV asked for 8 GiB of device memory; 0 B of the budget of 2")
        .hasMessageContaining("device memory");
  }

  @Test
  void a_device_that_is_lost_fails_its_steps_in_a_sentence_and_can_be_closed() {
    try (GpuModel model = model(SETUP)) {
      assertThat(model.logits(PROMPT, 3)).hasSize(RandomLlama.VOCABULARY);
      GPU.standIn().breakContexts(0, StandIn.ECC_UNCORRECTABLE);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> model.logits(PROMPT, 3))
            .isInstanceOf(ServalException.class)
            .hasMessageStartingWith("gpu:0")
            .hasMessageContaining("is lost");
      }
    }
    try (GpuModel again = model(SETUP)) {
      assertThat(again.logits(PROMPT, 3)).hasSize(RandomLlama.VOCABULARY);
    }
  }

  @Test
  void a_driver_that_is_gone_is_said_to_be() {
    var provider = CudaBackendProvider.on(() -> DriverSearch.at(Path.of("/nowhere/libcuda.so.1")));
    assertThatThrownBy(() -> new GpuModel(new RandomLlama(), provider, GPU.device(), SETUP))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("gpu:0 cannot be used")
        .hasMessageContaining("/nowhere/libcuda.so.1");
  }
}

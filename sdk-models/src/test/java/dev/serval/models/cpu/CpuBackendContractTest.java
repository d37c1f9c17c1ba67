package dev.serval.models.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.Logits;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.testkit.ComputeBackendContract;
import java.util.List;
import org.junit.jupiter.api.Test;

final class CpuBackendContractTest extends ComputeBackendContract {
  @Override
  protected ComputeBackendProvider provider() {
    return new CpuBackendProvider(List.of(new PlainTierSource()), Processor.here());
  }

  @Override
  protected Device device() {
    return Tiers.CPU;
  }

  @Test
  void buffers_in_the_place_of_scores_take_no_memory_while_they_fit() {
    ComputeOptions options = ComputeOptions.of(1);
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1));
        ComputeBackend backend = provider().open(Tiers.CPU, options, memory)) {
      Logits logits = backend.logits(16, 1024);
      long scores = memory.used().count();
      backend.activations(64, 128, logits);
      backend.operands(64, 96, logits);
      assertThat(memory.used().count()).isEqualTo(scores);
      backend.activations(64, 64, logits);
      assertThat(memory.used().count()).isEqualTo(scores + 64 * 64 * Float.BYTES);
    }
  }
}

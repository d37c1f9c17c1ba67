package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.Generation;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A whole runtime computes what a float64 reference computes, whatever else goes on in it. */
final class GreedyTokensTest {
  @TempDir Path folder;

  static List<Oracle> oracles() {
    return Oracle.all();
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void tokens_are_the_references_alone_and_together_cold_and_warm(Oracle oracle)
      throws IOException, InterruptedException {
    OracleRequests requests = new OracleRequests(oracle);
    try (ServingRuntime runtime = builder(oracle).build()) {
      for (int i = 0; i < requests.count(); i++) {
        requests.check(runtime, i, "alone and cold");
        requests.check(runtime, i, "alone and warm");
      }
      together(requests, runtime);
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  @Test
  void tokens_are_the_same_without_prefix_caching_in_small_blocks_and_small_steps()
      throws IOException {
    Oracle oracle = Oracle.named("qwen2");
    OracleRequests requests = new OracleRequests(oracle);
    try (ServingRuntime runtime =
        builder(oracle).prefixCaching(false).blockTokens(3).maxStepTokens(8).build()) {
      together(requests, runtime);
    }
  }

  @Test
  void tokens_are_the_same_after_giving_way_to_others() throws IOException, InterruptedException {
    Oracle oracle = Oracle.named("llama");
    OracleRequests requests = new OracleRequests(oracle);
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    Bytes eightBlocks = Bytes.of(8 * 16 * 192 * 4);
    try (ServingRuntime runtime =
        builder(oracle).kvBudget(eightBlocks).streamBuffer(1).meters(meters).build()) {
      Assertions.assertThat(OracleRequests.load(runtime).totalBlocks()).isEqualTo(8);
      together(requests, runtime);
      Assertions.assertThat(meters.get("serval.engine.preemptions").counter().count()).isPositive();
      OracleRequests.assertNothingHeld(runtime);
    }
  }

  private ServingRuntimeBuilder builder(Oracle oracle) throws IOException {
    return Serval.builder()
        .model(oracle.folder(folder))
        .kvDtype(DType.F32)
        .maxRunning(8)
        .warmUp(Duration.ZERO);
  }

  private static void together(OracleRequests requests, ServingRuntime runtime) {
    List<Generation> begun =
        IntStream.range(0, 8).mapToObj(i -> requests.begin(runtime, i % requests.count())).toList();
    begun.forEach(Generation::result);
    for (int i = 0; i < begun.size(); i++) {
      requests.checkResult(begun.get(i), i % requests.count(), "in a batch of 8");
    }
  }
}

package dev.serval.runtime;

import static dev.serval.runtime.StandInModel.REQUIRED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.Generation;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.gpu.standin.StandIn;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** KV blocks that a GPU has no place for go to the host's memory and come back. */
final class SwappedKvTest {
  private static final int BLOCKS = 9;

  @RegisterExtension final StandInModel served = new StandInModel();

  private final StandIn machine = served.machine();
  private final OracleRequests requests = served.requests();

  private ServingRuntimeBuilder builder(int blocks) {
    return served.builder(REQUIRED).kvDtype(DType.F32).kvBudget(Bytes.of(blocks * blockBytes()));
  }

  /** The bytes of 16 tokens' keys and values. */
  private long blockBytes() {
    try (ServingRuntime runtime = served.builder(REQUIRED).kvDtype(DType.F32).build()) {
      return blockBytes(runtime);
    }
  }

  private static long blockBytes(ServingRuntime runtime) {
    return ((NamedModel) runtime.models().getFirst()).loaded().placed().layout().blockBytes();
  }

  /** Every prompt at once, twice; how many bytes went to the host. */
  private long served(ServingRuntime runtime, String how) {
    long before = machine.executed("deviceToHost");
    for (int round = 0; round < 2; round++) {
      List<Generation> all = new ArrayList<>();
      for (int i = 0; i < requests.count(); i++) {
        all.add(requests.begin(runtime, i));
      }
      for (int i = 0; i < requests.count(); i++) {
        requests.checkResult(all.get(i), i, how + ", round " + round);
      }
    }
    return machine.executed("deviceToHost") - before;
  }

  @Test
  void blocks_that_others_pushed_out_are_kept_on_the_host_and_answers_are_the_oracles() {
    try (ServingRuntime runtime = builder(BLOCKS).kvSwap(Bytes.mebi(4)).build()) {
      assertThat(runtime.describe().toString()).contains("more are kept in the host's memory");
      assertThat(served(runtime, "with blocks that move"))
          .isPositive()
          .matches(bytes -> bytes % blockBytes(runtime) == 0, "whole blocks");
    }
    assertThat(machine.leaks()).isEmpty();
  }

  @Test
  void what_is_moved_is_measured() {
    MeterRegistry registry = new SimpleMeterRegistry();
    try (ServingRuntime runtime = builder(BLOCKS).kvSwap(Bytes.mebi(4)).meters(registry).build()) {
      long bytes = served(runtime, "with blocks that are counted");
      assertThat(counter(registry, "serval.kv.swap.moved", "direction", "out"))
          .isEqualTo((double) bytes);
      assertThat(counter(registry, "serval.kv.swap.blocks", "direction", "out"))
          .isEqualTo((double) bytes / blockBytes(runtime));
      assertThat(counter(registry, "serval.kv.swap.blocks", "direction", "in")).isPositive();
      assertThat(registry.get("serval.kv.swap.time").counter().count()).isPositive();
      assertThat(registry.get("serval.kv.swap.ahead").counter().count()).isPositive();
      assertThat(counter(registry, "serval.kv.swap.lost", "reason", "refused")).isZero();
    }
  }

  private static double counter(MeterRegistry registry, String name, String tag, String value) {
    return registry.get(name).tag(tag, value).counter().count();
  }

  @Test
  void without_such_room_nothing_is_moved() {
    try (ServingRuntime runtime = builder(BLOCKS).build()) {
      assertThat(served(runtime, "with blocks that stay")).isZero();
    }
  }

  @Test
  void room_on_the_host_without_prefix_caching_is_a_contradiction() {
    assertThatThrownBy(() -> builder(BLOCKS).kvSwap(Bytes.mebi(1)).prefixCaching(false).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("kvSwap: ");
  }
}

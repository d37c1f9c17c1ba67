package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.LoadListener;
import dev.serval.api.RuntimeDescription;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.UnknownModelException;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.placement.PlacementException;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.batching.OrderPolicies;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a runtime comes about, and what is left when it does not. */
final class RuntimeAssemblyTest {
  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void aModel() throws IOException {
    model = Oracle.named("llama").folder(folder);
  }

  @Test
  void a_model_is_served_under_the_name_of_its_folder() {
    try (ServingRuntime runtime = builder().clocks(at("2026-11-23T10:00:00Z"), () -> 0).build()) {
      ServedModel served = runtime.models().getFirst();
      assertThat(served.name()).isEqualTo("llama");
      assertThat(served.root()).isEqualTo(model.toString());
      assertThat(served.family()).isEqualTo("llama");
      assertThat(served.contextLength()).isEqualTo(512);
      assertThat(served.since()).isEqualTo("2026-11-23T10:00:00Z");
      assertThat(served.tokenizer().vocabulary()).isPositive();
      assertThat(runtime.state()).isEqualTo(ServingRuntime.State.READY);
    }
  }

  @Test
  void a_model_may_have_several_names_and_the_first_model_is_the_default() throws IOException {
    Path second = Oracle.named("qwen3").folder(folder);
    try (ServingRuntime runtime =
        Serval.builder()
            .warmUp(Duration.ZERO)
            .model(ModelSource.of(model).withNames("a", "b"))
            .model(ModelSource.of(second).withContextLength(100))
            .build()) {
      assertThat(runtime.models()).extracting(ServedModel::name).containsExactly("a", "b", "qwen3");
      assertThat(runtime.model("b").family()).isEqualTo("llama");
      assertThat(runtime.model("qwen3").contextLength()).isEqualTo(100);
      assertThatExceptionOfType(UnknownModelException.class)
          .isThrownBy(() -> runtime.model("c"))
          .withMessageContaining("a, b, qwen3");
    }
  }

  @Test
  void a_description_tells_what_was_found_and_chosen_and_is_the_same_each_time() {
    RuntimeDescription first = describe(builder().order(OrderPolicies.priority()));
    RuntimeDescription second = describe(builder().order(OrderPolicies.priority()));
    assertThat(first).isEqualTo(second);
    assertThat(first.sections())
        .extracting(RuntimeDescription.Section::title)
        .containsExactly(
            "devices", "models", "placement", "compute", "memory", "batching", "cache");
    assertThat(first.toString())
        .contains("cpu:0", "170k parameters", "there is no GPU", "numerics", "blocks of 16 tokens")
        .doesNotContain("@")
        .doesNotContain("$");
  }

  @Test
  void a_kv_cache_smaller_than_the_context_limits_it_and_says_so() {
    Bytes twoBlocks = Bytes.of(2 * 16 * bytesPerToken());
    try (ServingRuntime runtime = builder().kvBudget(twoBlocks).build()) {
      assertThat(runtime.models().getFirst().contextLength()).isEqualTo(32);
      assertThat(runtime.describe().toString())
          .contains("made for 512 tokens; the KV cache holds 32");
    }
  }

  @Test
  void a_kv_budget_below_one_block_is_refused_with_the_size_of_a_block() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> builder().kvBudget(Bytes.of(16 * bytesPerToken() - 1)).build())
        .withMessageContaining("kvBudget: model 'llama' needs at least")
        .withMessageContaining("a block of 16 tokens");
  }

  @Test
  void a_native_memory_budget_that_is_too_small_is_refused_by_whoever_asked_for_too_much() {
    assertThatExceptionOfType(OutOfNativeMemoryException.class)
        .isThrownBy(() -> builder().name("tiny").nativeMemory(Bytes.of(100_000)).build())
        .withMessageContaining("tiny/llama");
  }

  @Test
  void a_native_memory_budget_bounds_the_kv_cache_that_is_sized_from_what_is_left() {
    Bytes asMuchAsItWouldTake = Bytes.of(512L * 64 * 2 * bytesPerToken());
    try (ServingRuntime runtime = builder().nativeMemory(asMuchAsItWouldTake).build()) {
      assertThat(runtime.describe().toString())
          .contains("a quarter of the memory that the weights leave free");
    }
  }

  @Test
  void the_kernels_that_compute_are_those_demanded_and_the_screen_says_so() {
    try (ServingRuntime runtime =
        builder().kernels(KernelPreference.require(KernelKind.PLAIN)).build()) {
      assertThat(runtime.describe().toString()).contains("plain Java (required)");
    }
  }

  @Test
  void threads_are_pinned_on_demand_and_the_screen_says_so() {
    try (ServingRuntime runtime = builder().threads(1).pinThreads(true).build()) {
      assertThat(runtime.describe().toString()).contains("1 thread pinned to processor");
    }
  }

  @Test
  void more_threads_than_processors_cannot_be_pinned() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> builder().threads(4096).pinThreads(true).build())
        .withMessageContaining("pinThreads: 4096 threads cannot each have one of");
  }

  @Test
  void a_required_device_that_is_not_there_is_refused_with_what_is_there_and_was_looked_for() {
    assumeNoGpu();
    assertThatExceptionOfType(PlacementException.class)
        .isThrownBy(() -> builder().device(DevicePreference.require(DeviceKind.GPU)).build())
        .withMessageContaining("needs a GPU")
        .withMessageContaining("there is cpu:0")
        .withMessageContaining("cuda (no NVIDIA driver: libcuda.so.1 is known neither to");
  }

  @Test
  void the_screen_says_why_there_is_no_gpu() {
    assumeNoGpu();
    try (ServingRuntime runtime = builder().build()) {
      assertThat(runtime.describe().toString())
          .contains("no NVIDIA driver: libcuda.so.1 is known neither to");
    }
  }

  private static void assumeNoGpu() {
    assumeFalse(
        Files.exists(Path.of("/proc/driver/nvidia/version")), "this machine has NVIDIA's driver");
  }

  @Test
  void an_architecture_that_no_family_runs_is_refused_with_those_there_are() throws IOException {
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("LlamaForCausalLM", "LamaForCausalLM"));
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> builder().build())
        .withMessageContaining("no model family runs architectures [LamaForCausalLM]; there is")
        .withMessageContaining("LlamaForCausalLM");
  }

  @Test
  void what_was_opened_is_closed_again_when_a_later_part_fails() {
    Threads before = Threads.now();
    List<String> closed = new ArrayList<>();
    AtomicReference<NativeMemory> memory = new AtomicReference<>();
    ComputeBackendProvider failing =
        new ComputeBackendProvider() {
          @Override
          public String name() {
            return "failing";
          }

          @Override
          public boolean supports(Device device) {
            return true;
          }

          @Override
          public ComputeBackend open(Device device, ComputeOptions options, NativeMemory owner) {
            memory.set(owner);
            owner.allocate(1000, 8);
            throw new IllegalStateException("no backend today");
          }
        };
    assertThatThrownBy(() -> builder().backend(failing).textCodec(closing(closed, false)).build())
        .hasMessage("no backend today");
    assertThat(closed).containsExactly("codec");
    assertThat(memory.get().used()).isEqualTo(Bytes.ZERO);
    assertThatThrownBy(() -> memory.get().allocate(1, 1)).hasMessageContaining("is closed");
    before.assertNoneLeft();
  }

  @Test
  void what_fails_on_closing_is_attached_to_what_failed_first() {
    List<String> closed = new ArrayList<>();
    IllegalStateException e =
        catchThrowableOfType(
            IllegalStateException.class,
            () ->
                builder()
                    .textCodec(closing(closed, true))
                    .placement((demand, candidates) -> {
                      throw new IllegalStateException("no place today");
                    })
                    .build());
    assertThat(e).hasMessage("no place today");
    assertThat(e.getSuppressed()).extracting(Throwable::getMessage).containsExactly("stuck");
  }

  @Test
  void a_model_that_cannot_generate_is_never_handed_out() {
    assertThatThrownBy(() ->
            builder()
                .warmUp(Duration.ofSeconds(5))
                .chunk((sequence, planned, snapshot) -> {
                  throw new IllegalStateException("no chunk today");
                })
                .build())
        .hasMessageContaining("no chunk today");
  }

  @Test
  void a_listener_hears_how_far_loading_has_come() {
    Set<String> stages = new LinkedHashSet<>();
    LoadListener listener =
        (stage, done, total) -> {
          assertThat(done).isBetween(0L, total);
          stages.add(stage);
        };
    builder().loadListener(listener).build().close();
    assertThat(stages).isNotEmpty();
  }

  private ServingRuntimeBuilder builder() {
    return Serval.builder().model(model).warmUp(Duration.ZERO);
  }

  private static RuntimeDescription describe(ServingRuntimeBuilder builder) {
    try (ServingRuntime runtime = builder.build()) {
      return runtime.describe();
    }
  }

  private static InstantSource at(String instant) {
    return InstantSource.fixed(Instant.parse(instant));
  }

  /** The KV of a token in BF16, whatever the oracle has. */
  private long bytesPerToken() {
    try (ServingRuntime runtime = builder().build()) {
      return ((NamedModel) runtime.models().getFirst()).loaded().placed().layout().blockBytes()
          / 16;
    }
  }

  private static TextCodecReader closing(List<String> closed, boolean failing) {
    return new TextCodecReader() {
      @Override
      public TextCodec read(Checkpoint checkpoint) {
        return new TextCodec(new ClosingTokenizer(closed, failing), Optional.empty());
      }
    };
  }
}

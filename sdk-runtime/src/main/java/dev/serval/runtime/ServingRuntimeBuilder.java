package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.LoadListener;
import dev.serval.api.ServalException;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.placement.PlacementPolicy;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.runtime.generation.Delivery;
import dev.serval.runtime.tracing.GenerationTracer;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Collects what a runtime shall be, and builds it. Every option but the models has a default; a
 * value is checked when the runtime is built, together with all others. Belongs to one thread; a
 * builder may build any number of runtimes, which share nothing but what was handed in.
 *
 * <p>Parts (readers, families, text codecs, backends, device providers, policy providers) are those
 * given here, then those that {@link java.util.ServiceLoader} finds; the first that fits is taken.
 */
public final class ServingRuntimeBuilder {
  final List<ModelSource> models = new ArrayList<>();
  final List<EmbeddingSource> embeddings = new ArrayList<>();
  String name = "serval";
  DevicePreference device = DevicePreference.prefer(DeviceKind.GPU, DeviceKind.CPU);
  KernelPreference kernels = KernelPreference.best();
  @Nullable Integer threads;
  boolean pinThreads;
  @Nullable Bytes nativeMemory;
  @Nullable Bytes kvBudget;
  Bytes kvSwap = Bytes.ZERO;
  DType kvDtype = DType.BF16;
  OptionalInt blockTokens = OptionalInt.empty();
  boolean prefixCaching = true;
  int maxRunning = 64;
  @Nullable Integer maxStepTokens;
  @Nullable Integer maxWaiting;
  @Nullable Long maxWaitingTokens;
  @Nullable Integer chunkTokens;
  PolicyWish<AdmissionPolicy> admission = new PolicyWish.ByName<>("queue");
  PolicyWish<OrderPolicy> order = new PolicyWish.ByName<>("fcfs");
  PolicyWish<ChunkPolicy> chunk = new PolicyWish.ByName<>("time");
  PolicyWish<VictimPolicy> victim = new PolicyWish.ByName<>("least-cost");
  PolicyWish<DraftPolicy> draft = new PolicyWish.ByName<>("predicted");
  @Nullable Integer draftTokens;
  int streamBuffer = 256;
  Duration warmUp = Duration.ofSeconds(5);
  Duration returnAfter = Duration.ofMinutes(1);
  @Nullable MeterRegistry meters;
  GenerationTracer tracer = GenerationTracer.NONE;
  LoadListener loadListener = LoadListener.NONE;
  InstantSource clock = InstantSource.system();
  LongSupplier nanoClock = System::nanoTime;
  LongSupplier seeds = () -> ThreadLocalRandom.current().nextLong();
  Executor delivery = Delivery.onVirtualThreads();
  boolean services = true;
  final List<CheckpointReader> readers = new ArrayList<>();
  final List<ModelFamily> families = new ArrayList<>();
  final List<TextCodecReader> textCodecs = new ArrayList<>();
  final List<ComputeBackendProvider> backends = new ArrayList<>();
  final List<DeviceProvider> deviceProviders = new ArrayList<>();
  final List<PolicyProvider> policyProviders = new ArrayList<>();
  final List<EmbeddingModelReader> embeddingReaders = new ArrayList<>();
  @Nullable PlacementPolicy placement;

  ServingRuntimeBuilder() {}

  /**
   * Adds a model under the name of its folder; the first one added is the default.
   *
   * @param path the checkpoint's folder or file
   * @return this builder
   */
  public ServingRuntimeBuilder model(Path path) {
    return model(ModelSource.of(path));
  }

  /**
   * Adds a model; the first one added is the default.
   *
   * @param source where it lies and how it is to be served
   * @return this builder
   */
  public ServingRuntimeBuilder model(ModelSource source) {
    models.add(Objects.requireNonNull(source, "source"));
    return this;
  }

  /**
   * Adds an embedding model under the name of its folder; the first one added is the default.
   *
   * @param path the model's folder or file
   * @return this builder
   */
  public ServingRuntimeBuilder embeddings(Path path) {
    return embeddings(EmbeddingSource.of(path));
  }

  /**
   * Adds an embedding model; the first one added is the default. It stands beside the models that
   * generate, or alone.
   *
   * @param source where it lies and how it is to be served
   * @return this builder
   */
  public ServingRuntimeBuilder embeddings(EmbeddingSource source) {
    embeddings.add(Objects.requireNonNull(source, "source"));
    return this;
  }

  /**
   * Names the runtime, for its threads, its memory and its metrics.
   *
   * @param value the name; {@code serval} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder name(String value) {
    name = Objects.requireNonNull(value, "name");
    return this;
  }

  /**
   * Says what models shall run on.
   *
   * @param value the wish; a GPU is preferred to a CPU unless set
   * @return this builder
   */
  public ServingRuntimeBuilder device(DevicePreference value) {
    device = Objects.requireNonNull(value, "device");
    return this;
  }

  /**
   * Says which kernels shall compute.
   *
   * @param value the wish; the fastest that the device can run unless set
   * @return this builder
   */
  public ServingRuntimeBuilder kernels(KernelPreference value) {
    kernels = Objects.requireNonNull(value, "kernels");
    return this;
  }

  /**
   * Sets how many threads compute a step of each model.
   *
   * @param value the number, at least 1; the device's cores unless set
   * @return this builder
   */
  public ServingRuntimeBuilder threads(int value) {
    threads = value;
    return this;
  }

  /**
   * Says whether each thread that computes stays on a processor of its own. For a runtime with one
   * model that has the machine to itself: others that pin theirs would meet it there. Needs Linux,
   * and as many processors as threads.
   *
   * @param value whether to; false unless set
   * @return this builder
   */
  public ServingRuntimeBuilder pinThreads(boolean value) {
    pinThreads = value;
    return this;
  }

  /**
   * Bounds the native memory of the whole runtime: weights, KV and buffers.
   *
   * @param value the bound; the memory of the devices found unless set
   * @return this builder
   */
  public ServingRuntimeBuilder nativeMemory(Bytes value) {
    nativeMemory = Objects.requireNonNull(value, "nativeMemory");
    return this;
  }

  /**
   * Sets the memory of each model's KV cache.
   *
   * @param value the budget, rounded down to whole blocks. Unless set: what all running requests
   *     could use, twice over with prefix caching, but no more than a quarter of the memory that
   *     the weights leave free, and 4 GiB
   * @return this builder
   */
  public ServingRuntimeBuilder kvBudget(Bytes value) {
    kvBudget = Objects.requireNonNull(value, "kvBudget");
    return this;
  }

  /**
   * Sets the host's memory to which KV blocks of a model on a GPU go when others need their place,
   * and from which they come back in place of being computed again: those of requests that had to
   * give way, and prefixes. The memory is pinned, and taken when the model is loaded.
   *
   * @param value how much for each model, rounded down to whole blocks; none unless set
   * @return this builder
   */
  public ServingRuntimeBuilder kvSwap(Bytes value) {
    kvSwap = Objects.requireNonNull(value, "kvSwap");
    return this;
  }

  /**
   * Sets how keys and values are kept.
   *
   * @param value the type: F32, F16, BF16 or Q8_0; BF16 unless set
   * @return this builder
   */
  public ServingRuntimeBuilder kvDtype(DType value) {
    kvDtype = Objects.requireNonNull(value, "kvDtype");
    return this;
  }

  /**
   * Sets the tokens of a KV block. What was computed before is found again block by block. Of a
   * model whose layers keep states each end of a block that is found takes a copy of them, so that
   * smaller blocks are found sooner and leave more copies.
   *
   * @param value the number, 1 to 1024; unless set 16, or what {@link
   *     dev.serval.api.model.ModelSpec#usualBlockTokens} says of a model with states
   * @return this builder
   */
  public ServingRuntimeBuilder blockTokens(int value) {
    blockTokens = OptionalInt.of(value);
    return this;
  }

  /**
   * Says whether KV that was computed before is found again.
   *
   * @param value true unless set
   * @return this builder
   */
  public ServingRuntimeBuilder prefixCaching(boolean value) {
    prefixCaching = value;
    return this;
  }

  /**
   * Limits how many sequences of a model run at once.
   *
   * @param value the number, at least 1; 64 unless set
   * @return this builder
   */
  public ServingRuntimeBuilder maxRunning(int value) {
    maxRunning = value;
    return this;
  }

  /**
   * Limits the tokens of a step.
   *
   * @param value the number, no less than may run; 512, or as many as may run, unless set
   * @return this builder
   */
  public ServingRuntimeBuilder maxStepTokens(int value) {
    maxStepTokens = value;
    return this;
  }

  /**
   * Limits how many requests wait for a model before more are rejected.
   *
   * @param value the number, at least 1; 1024 unless set. Not beside a policy of {@linkplain
   *     #admission admission}
   * @return this builder
   */
  public ServingRuntimeBuilder maxWaiting(int value) {
    maxWaiting = value;
    return this;
  }

  /**
   * Limits how many tokens of prompts wait for a model before more are rejected.
   *
   * @param value the number, at least 1; no limit unless set. Not beside a policy of {@linkplain
   *     #admission admission}
   * @return this builder
   */
  public ServingRuntimeBuilder maxWaitingTokens(long value) {
    maxWaitingTokens = value;
    return this;
  }

  /**
   * Sets up to how many tokens a step is filled with prefill beside its decodes.
   *
   * @param value the number, at least 1, no more than a step may have; unless set, chunks are sized
   *     by the time they take. Not beside a {@linkplain #chunk chunk policy}
   * @return this builder
   */
  public ServingRuntimeBuilder chunkTokens(int value) {
    chunkTokens = value;
    return this;
  }

  /**
   * Decides by a named policy which requests may wait.
   *
   * @param name a stock policy, {@code queue} (so many may wait) or {@code in-time} (that and only
   *     who is likely to have its first token in time), or the name of a {@linkplain
   *     #policyProvider provider's}; {@code queue} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder admission(String name) {
    admission = new PolicyWish.ByName<>(Objects.requireNonNull(name, "admission"));
    return this;
  }

  /**
   * Decides which requests may wait.
   *
   * @param value the policy, asked once for each request; see {@link #admission(String)} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder admission(AdmissionPolicy value) {
    admission = new PolicyWish.Given<>(Objects.requireNonNull(value, "admission"));
    return this;
  }

  /**
   * Decides by a named policy which waiting sequence is next, higher classes always first.
   *
   * @param name a stock policy, {@code fcfs}, {@code priority}, {@code fair}, {@code deadline} or
   *     {@code shortest}, or the name of a {@linkplain #policyProvider provider's}; {@code fcfs}
   *     unless set
   * @return this builder
   */
  public ServingRuntimeBuilder order(String name) {
    order = new PolicyWish.ByName<>(Objects.requireNonNull(name, "order"));
    return this;
  }

  /**
   * Decides which waiting sequence is next.
   *
   * @param value the policy; see {@link #order(String)} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder order(OrderPolicy value) {
    order = new PolicyWish.Given<>(Objects.requireNonNull(value, "order"));
    return this;
  }

  /**
   * Decides by a named policy how much prefill a step does.
   *
   * @param name a stock policy, {@code time} or {@code fixed}, or the name of a {@linkplain
   *     #policyProvider provider's}; {@code time} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder chunk(String name) {
    chunk = new PolicyWish.ByName<>(Objects.requireNonNull(name, "chunk"));
    return this;
  }

  /**
   * Decides how much prefill a step does.
   *
   * @param value the policy; see {@link #chunk(String)} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder chunk(ChunkPolicy value) {
    chunk = new PolicyWish.Given<>(Objects.requireNonNull(value, "chunk"));
    return this;
  }

  /**
   * Decides by a named policy who gives way when KV runs out.
   *
   * @param name a stock policy, {@code last-in}, {@code least-computed} or {@code least-cost}, or
   *     the name of a {@linkplain #policyProvider provider's}; {@code least-cost} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder victim(String name) {
    victim = new PolicyWish.ByName<>(Objects.requireNonNull(name, "victim"));
    return this;
  }

  /**
   * Decides who gives way when KV runs out.
   *
   * @param value the policy; see {@link #victim(String)} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder victim(VictimPolicy value) {
    victim = new PolicyWish.Given<>(Objects.requireNonNull(value, "victim"));
    return this;
  }

  /**
   * Decides by a named policy which tokens are guessed and verified beside those that decode.
   * Answers are the same with any; what is guessed right comes sooner. Models that carry a state
   * along are served without.
   *
   * @param name a stock policy, {@code predicted} (from a request's {@linkplain
   *     dev.serval.api.GenerationRequest#prediction() prediction}), {@code prompt-lookup} (from
   *     that or what the text has already) or {@code none}, or the name of a {@linkplain
   *     #policyProvider provider's}; {@code predicted} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder draft(String name) {
    draft = new PolicyWish.ByName<>(Objects.requireNonNull(name, "draft"));
    return this;
  }

  /**
   * Decides which tokens are guessed and verified beside those that decode.
   *
   * @param value the policy; see {@link #draft(String)} unless set
   * @return this builder
   */
  public ServingRuntimeBuilder draft(DraftPolicy value) {
    draft = new PolicyWish.Given<>(Objects.requireNonNull(value, "draft"));
    return this;
  }

  /**
   * Limits how many drafted tokens a step has, of which each takes a row of scores.
   *
   * @param value the number, at least 1, less than a step may have; 16 unless set
   * @return this builder
   */
  public ServingRuntimeBuilder draftTokens(int value) {
    draftTokens = value;
    return this;
  }

  /**
   * Sets all five policies.
   *
   * @param value the policies
   * @return this builder
   */
  public ServingRuntimeBuilder policies(BatchingPolicies value) {
    return admission(value.admission())
        .order(value.order())
        .chunk(value.chunk())
        .victim(value.victim())
        .draft(value.draft());
  }

  /**
   * Sets how far a reader may lag behind before its request is paused.
   *
   * @param tokens the number of tokens, at least 1; 256 unless set
   * @return this builder
   */
  public ServingRuntimeBuilder streamBuffer(int tokens) {
    streamBuffer = tokens;
    return this;
  }

  /**
   * Sets how long a device that was lost is left alone, before models that it had go back to it
   * where it is well again. Each further loss of the device doubles the time, up to 64 times.
   *
   * @param value from a millisecond to 3650 days, which are as good as never; a minute unless set
   * @return this builder
   */
  public ServingRuntimeBuilder returnAfter(Duration value) {
    returnAfter = Objects.requireNonNull(value, "returnAfter");
    return this;
  }

  /**
   * Limits how long each model generates, or computes texts, before it is served, and before it
   * goes on on another device, so that the first request runs at full speed. It is done sooner
   * where the JVM has no more to compile.
   *
   * @param longest zero for no warming up, up to an hour; 5 seconds unless set, and on a GPU as
   *     much again for steps of each size. What is under way then is given up after its step
   * @return this builder
   */
  public ServingRuntimeBuilder warmUp(Duration longest) {
    warmUp = Objects.requireNonNull(longest, "warmUp");
    return this;
  }

  /**
   * Sets where metrics go.
   *
   * @param value the registry; nowhere unless set. The runtime's meters leave it when the runtime
   *     is closed
   * @return this builder
   */
  public ServingRuntimeBuilder meters(MeterRegistry value) {
    meters = Objects.requireNonNull(value, "meters");
    return this;
  }

  /**
   * Sets who follows generations, such as an {@link
   * dev.serval.runtime.tracing.OpenTelemetryTracer}.
   *
   * @param value the tracer; nobody unless set
   * @return this builder
   */
  public ServingRuntimeBuilder tracer(GenerationTracer value) {
    tracer = Objects.requireNonNull(value, "tracer");
    return this;
  }

  /**
   * Sets who hears how far loading has come.
   *
   * @param value the listener, called on the thread that builds
   * @return this builder
   */
  public ServingRuntimeBuilder loadListener(LoadListener value) {
    loadListener = Objects.requireNonNull(value, "loadListener");
    return this;
  }

  /**
   * Sets the clocks.
   *
   * @param wall what time it is; the system's unless set
   * @param nanos a reading in nanoseconds that only grows, from any thread; {@link System#nanoTime}
   *     unless set
   * @return this builder
   */
  public ServingRuntimeBuilder clocks(InstantSource wall, LongSupplier nanos) {
    clock = Objects.requireNonNull(wall, "wall");
    nanoClock = Objects.requireNonNull(nanos, "nanos");
    return this;
  }

  /**
   * Sets where requests that name no seed get one from.
   *
   * @param value gives a number, from any thread; random unless set
   * @return this builder
   */
  public ServingRuntimeBuilder seeds(LongSupplier value) {
    seeds = Objects.requireNonNull(value, "seeds");
    return this;
  }

  /**
   * Sets where subscribers are called and results completed.
   *
   * @param value the executor, never closed by the runtime; a virtual thread for each delivery
   *     unless set. A task that waits holds up nobody but its own generation's reader
   * @return this builder
   */
  public ServingRuntimeBuilder delivery(Executor value) {
    delivery = new Delivery(Objects.requireNonNull(value, "delivery"));
    return this;
  }

  /**
   * Says whether parts are looked for by {@link java.util.ServiceLoader} besides those given.
   *
   * @param value true unless set
   * @return this builder
   */
  public ServingRuntimeBuilder services(boolean value) {
    services = value;
    return this;
  }

  /**
   * Gives a checkpoint reader.
   *
   * @param part the reader
   * @return this builder
   */
  public ServingRuntimeBuilder reader(CheckpointReader part) {
    readers.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a model family.
   *
   * @param part the family
   * @return this builder
   */
  public ServingRuntimeBuilder family(ModelFamily part) {
    families.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a reader of tokenizers and chat templates.
   *
   * @param part the reader
   * @return this builder
   */
  public ServingRuntimeBuilder textCodec(TextCodecReader part) {
    textCodecs.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a compute backend.
   *
   * @param part the backend's provider
   * @return this builder
   */
  public ServingRuntimeBuilder backend(ComputeBackendProvider part) {
    backends.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a device provider.
   *
   * @param part the provider
   * @return this builder
   */
  public ServingRuntimeBuilder deviceProvider(DeviceProvider part) {
    deviceProviders.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a provider of policies, which can then be asked for by its name.
   *
   * @param part the provider
   * @return this builder
   */
  public ServingRuntimeBuilder policyProvider(PolicyProvider part) {
    policyProviders.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Gives a reader of embedding models.
   *
   * @param part the reader
   * @return this builder
   */
  public ServingRuntimeBuilder embeddingReader(EmbeddingModelReader part) {
    embeddingReaders.add(Objects.requireNonNull(part, "part"));
    return this;
  }

  /**
   * Decides which device a model runs on.
   *
   * @param value the policy; the most free memory of the first preferred kind unless set
   * @return this builder
   */
  public ServingRuntimeBuilder placement(PlacementPolicy value) {
    placement = Objects.requireNonNull(value, "placement");
    return this;
  }

  /**
   * Checks everything, loads the models and starts their engines. What was opened is closed again
   * if a part of it fails; what fails at that is attached to the exception as suppressed.
   *
   * @return the runtime, ready, which the caller closes
   * @throws ConfigurationException when options cannot be honoured, with every problem found
   * @throws ServalException when a model cannot be read, placed or loaded
   */
  public ServingRuntime build() {
    return RuntimeAssembly.assemble(RuntimeOptions.conclude(this));
  }
}

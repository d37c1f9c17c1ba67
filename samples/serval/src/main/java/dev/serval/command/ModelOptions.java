package dev.serval.command;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.Serval;
import dev.serval.runtime.ServingRuntimeBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which model is loaded, and what it may take. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "PATH",
      description = "a GGUF file, or a folder in Hugging Face's layout (the demo model)")
  private @Nullable Path model;

  @Option(
      names = "--served-name",
      paramLabel = "NAME",
      split = ",",
      description = "what requests call the model; several, separated by commas (its folder)")
  private List<String> servedNames = List.of();

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "tokens that prompt and answer may have together (what the model allows)")
  private @Nullable Integer context;

  @Option(
      names = "--device",
      paramLabel = "KIND",
      description =
          "run on this and nothing else: cpu or gpu (a GPU if there is one, else the CPU)")
  private @Nullable DeviceKind device;

  @Option(
      names = "--kernels",
      paramLabel = "KIND",
      description =
          "compute with these and nothing else: plain, vector or generated; or with the best but"
              + " for some: no-generated, no-vector (the best there is)")
  private @Nullable KernelPreference kernels;

  @Option(names = "--threads", paramLabel = "N", description = "threads that compute (all cores)")
  private @Nullable Integer threads;

  @Option(
      names = "--pin-threads",
      description = "keep each of them on a core of its own, on a machine that does nothing else")
  private boolean pinThreads;

  @Option(
      names = "--kv-dtype",
      paramLabel = "TYPE",
      description = "how keys and values are kept: BF16, F16, F32 or Q8_0 (${DEFAULT-VALUE})")
  private DType kvDtype = DType.BF16;

  @Option(
      names = "--kv-budget",
      paramLabel = "SIZE",
      description = "memory for keys and values, such as 512MiB (what the load can use)")
  private @Nullable Bytes kvBudget;

  @Option(
      names = "--block-tokens",
      paramLabel = "TOKENS",
      description = "tokens of a block, in which these are found again (16, or as many as suit it)")
  private @Nullable Integer blockTokens;

  @Option(
      names = "--kv-swap",
      paramLabel = "SIZE",
      description = "the host's memory for keys and values that a GPU has no room for (none)")
  private @Nullable Bytes kvSwap;

  @Option(
      names = "--prefix-cache",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "find keys and values again that were computed before (on)")
  private boolean prefixCache;

  @Option(
      names = "--max-running",
      paramLabel = "N",
      description = "requests that are worked on at once (64)")
  private @Nullable Integer maxRunning;

  @Option(
      names = "--max-waiting",
      paramLabel = "N",
      description = "requests that may wait before more are turned away (1024)")
  private @Nullable Integer maxWaiting;

  @Option(
      names = "--max-step-tokens",
      paramLabel = "N",
      description = "tokens that one step may compute (512)")
  private @Nullable Integer maxStepTokens;

  @Option(
      names = "--admission",
      paramLabel = "POLICY",
      description =
          "who may wait: queue (as many as --max-waiting), in-time (and only who is likely to have"
              + " the first token within its target), or a plug-in's (queue)")
  private @Nullable String admission;

  @Option(
      names = "--order",
      paramLabel = "POLICY",
      description =
          "who begins next: fcfs, priority, fair (between tenants), deadline, shortest, or a"
              + " plug-in's (fcfs)")
  private @Nullable String order;

  @Option(
      names = "--chunks",
      paramLabel = "POLICY",
      description =
          "how much of its prompts a step takes: time (as much as keeps the targets of the answers"
              + " under way), a number of tokens, or a plug-in's (time)")
  private @Nullable String chunks;

  @Option(
      names = "--victim",
      paramLabel = "POLICY",
      description =
          "who gives way when KV runs out: last-in, least-computed, least-cost, or a plug-in's"
              + " (least-cost)")
  private @Nullable String victim;

  @Option(
      names = "--draft",
      paramLabel = "POLICY",
      description =
          "which tokens are guessed and verified beside those that decode: predicted (what a"
              + " request expects), prompt-lookup (that, or what followed where the text stood before),"
              + " none, or a plug-in's; answers are the same (predicted)")
  private @Nullable String draft;

  @Option(
      names = "--draft-tokens",
      paramLabel = "N",
      description = "drafted tokens that one step may have (16)")
  private @Nullable Integer draftTokens;

  /** Where the model lies. */
  Path path() {
    return model == null ? DemoModel.folder() : model;
  }

  /** Names the model by another option, which counts before this one's. */
  void at(Path other) {
    model = other;
  }

  /** Limits what prompt and answer may have together, unless the command line does. */
  void atMost(int tokens) {
    context = context == null ? Integer.valueOf(tokens) : context;
  }

  DType kvDtype() {
    return kvDtype;
  }

  /** How to compute outside a runtime. */
  ComputeOptions computeOptions() {
    return new ComputeOptions(
        computingThreads(), kernels == null ? KernelPreference.best() : kernels, pinThreads);
  }

  /** Whether the command line allows a device. */
  boolean runsOn(Device found) {
    return device == null || device == found.kind();
  }

  int computingThreads() {
    return threads == null ? Runtime.getRuntime().availableProcessors() : threads;
  }

  /** The first of the names given, or null. */
  @Nullable String servedName() {
    return servedNames.isEmpty() ? null : servedNames.getFirst();
  }

  /** Loads the model for a single question: nothing is warmed up. */
  ServingRuntime open(Console console) {
    return open(console, builder -> builder.warmUp(Duration.ZERO));
  }

  /** Loads the model, with a bar that shows how far it is. */
  ServingRuntime open(Console console, Consumer<ServingRuntimeBuilder> more) {
    return open(console, UnaryOperator.identity(), more);
  }

  /** The same where more than the bar hears how far it is. */
  ServingRuntime open(
      Console console, UnaryOperator<LoadListener> hearing, Consumer<ServingRuntimeBuilder> more) {
    try (ProgressBar bar = new ProgressBar(console, System::nanoTime)) {
      ServingRuntimeBuilder builder =
          Serval.builder().model(source()).loadListener(hearing.apply(bar));
      apply(builder);
      more.accept(builder);
      return builder.build();
    }
  }

  private ModelSource source() {
    ModelSource source =
        model == null
            ? ModelSource.of(DemoModel.folder()).withNames(DemoModel.NAME)
            : ModelSource.of(model);
    if (!servedNames.isEmpty()) {
      source = source.withNames(servedNames.toArray(String[]::new));
    }
    return context == null ? source : source.withContextLength(context);
  }

  private void apply(ServingRuntimeBuilder builder) {
    builder.kvDtype(kvDtype).prefixCaching(prefixCache).pinThreads(pinThreads);
    given(device, kind -> builder.device(DevicePreference.require(kind)));
    given(kernels, builder::kernels);
    given(threads, builder::threads);
    given(kvBudget, builder::kvBudget);
    given(blockTokens, builder::blockTokens);
    given(kvSwap, builder::kvSwap);
    given(maxRunning, builder::maxRunning);
    given(maxWaiting, builder::maxWaiting);
    given(maxStepTokens, builder::maxStepTokens);
    given(admission, name -> builder.admission(name));
    given(order, name -> builder.order(name));
    given(chunks, name -> chunks(name, builder));
    given(victim, name -> builder.victim(name));
    given(draft, name -> builder.draft(name));
    given(draftTokens, builder::draftTokens);
  }

  private static void chunks(String chosen, ServingRuntimeBuilder builder) {
    if (chosen.matches("\\d{1,9}")) {
      builder.chunkTokens(Integer.parseInt(chosen));
    } else {
      builder.chunk(chosen);
    }
  }

  private static <T> void given(@Nullable T value, Consumer<T> setter) {
    if (value != null) {
      setter.accept(value);
    }
  }
}

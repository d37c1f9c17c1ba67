package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.DevicePreference;
import dev.serval.runtime.tracing.GenerationTracer;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Files;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A builder's options, checked.
 *
 * @param name the runtime's name
 * @param models what is served and generates, the default first
 * @param embeddings what is served and embeds, the default first
 * @param device what models shall run on
 * @param kernels which kernels shall compute
 * @param threads how many threads compute, or null for the device's cores
 * @param pinThreads whether each of them stays on a processor of its own
 * @param nativeMemory the bound on native memory, or null for what the devices have
 * @param kv what KV caches are like
 * @param batch how steps are put together
 * @param streamBuffer how many tokens a reader may lag behind
 * @param warmUp how long models generate or compute texts at most before they are served
 * @param returnAfter how long a device that was lost is left alone at least
 * @param meters where metrics go, or null
 * @param tracer follows generations
 * @param loadListener hears how far loading has come
 * @param clock what time it is
 * @param nanoClock a reading in nanoseconds
 * @param seeds where seeds come from
 * @param delivery where the application's code is called
 * @param parts what the runtime is made of
 */
record RuntimeOptions(
    String name,
    List<ModelSource> models,
    List<EmbeddingSource> embeddings,
    DevicePreference device,
    KernelPreference kernels,
    @Nullable Integer threads,
    boolean pinThreads,
    @Nullable Bytes nativeMemory,
    KvOptions kv,
    BatchOptions batch,
    int streamBuffer,
    Duration warmUp,
    Duration returnAfter,
    @Nullable MeterRegistry meters,
    GenerationTracer tracer,
    LoadListener loadListener,
    InstantSource clock,
    LongSupplier nanoClock,
    LongSupplier seeds,
    Executor delivery,
    Parts parts) {
  private static final Duration LONGEST_WARM_UP = Duration.ofHours(1);
  private static final Duration FIRST_RETURN = Duration.ofMillis(1);
  private static final Duration LAST_RETURN = Duration.ofDays(3650);

  /** Checks all options and reports every problem at once. */
  static RuntimeOptions conclude(ServingRuntimeBuilder b) {
    Problems problems = new Problems();
    Parts parts = Parts.conclude(b, problems);
    concludeModels(b, parts, problems);
    if (b.name.isBlank()) {
      problems.add("name", "a runtime's name is not blank");
    }
    if (b.threads != null) {
      problems.requireWithin("threads", b.threads, 1, 4096);
    }
    KvOptions kv = KvOptions.conclude(b, problems);
    BatchOptions batch = BatchOptions.conclude(b, parts.policies(), problems);
    problems.requireWithin("streamBuffer", b.streamBuffer, 1, Integer.MAX_VALUE);
    problems.requireWithin("warmUp", b.warmUp, Duration.ZERO, LONGEST_WARM_UP);
    problems.requireWithin("returnAfter", b.returnAfter, FIRST_RETURN, LAST_RETURN);
    problems.throwIfAny();
    return new RuntimeOptions(
        b.name,
        List.copyOf(b.models),
        List.copyOf(b.embeddings),
        b.device,
        b.kernels,
        b.threads,
        b.pinThreads,
        b.nativeMemory,
        kv,
        batch,
        b.streamBuffer,
        b.warmUp,
        b.returnAfter,
        b.meters,
        b.tracer,
        b.loadListener,
        b.clock,
        b.nanoClock,
        b.seeds,
        b.delivery,
        parts);
  }

  private static void concludeModels(ServingRuntimeBuilder b, Parts parts, Problems problems) {
    if (b.models.isEmpty() && b.embeddings.isEmpty()) {
      problems.add("model", "there is none; add the folder of a checkpoint");
    }
    Set<String> names = new HashSet<>();
    for (ModelSource model : b.models) {
      concludeModel(model, parts, problems);
      model.servedNames().forEach(name -> concludeName("model.names", name, names, problems));
    }
    for (EmbeddingSource model : b.embeddings) {
      concludeEmbeddings(model, parts, problems);
      model.servedNames().forEach(name -> concludeName("embeddings.names", name, names, problems));
    }
  }

  private static void concludeEmbeddings(EmbeddingSource model, Parts parts, Problems problems) {
    if (!Files.exists(model.path())) {
      problems.add("embeddings", "there is nothing at " + model.path());
    } else if (parts.embeddingReader(model.path()).isEmpty()) {
      problems.add(
          "embeddings",
          "%s is in no known format; there is %s"
              .formatted(model.path(), Parts.list(parts.embeddingReaders(), r -> r.format())));
    }
    model
        .maxTokens()
        .ifPresent(tokens -> problems.requireWithin("embeddings.maxTokens", tokens, 1, 1 << 20));
  }

  private static void concludeModel(ModelSource model, Parts parts, Problems problems) {
    if (!Files.exists(model.path())) {
      problems.add("model", "there is nothing at " + model.path());
    } else if (parts.reader(model.path()).isEmpty()) {
      problems.add(
          "model",
          "%s is in no known format; there is %s"
              .formatted(model.path(), Parts.list(parts.readers(), r -> r.format())));
    }
    model
        .contextLength()
        .ifPresent(
            tokens -> problems.requireWithin("model.contextLength", tokens, 2, Integer.MAX_VALUE));
  }

  private static void concludeName(
      String option, String name, Set<String> names, Problems problems) {
    if (name.isBlank()) {
      problems.add(option, "a served name is not blank");
    } else if (!names.add(name)) {
      problems.add(option, "two models are to be served as '" + name + "'");
    }
  }
}

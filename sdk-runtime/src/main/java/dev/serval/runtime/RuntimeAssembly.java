package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.ServingRuntime;
import dev.serval.api.device.NativeMemory;
import dev.serval.runtime.metrics.EmbeddingMeters;
import dev.serval.runtime.metrics.ModelMeters;
import dev.serval.runtime.metrics.ServingMetrics;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Puts a runtime together, and takes it apart again if that fails on the way. */
final class RuntimeAssembly {
  private final RuntimeOptions options;
  private final OpenedParts opened;

  private RuntimeAssembly(RuntimeOptions options, OpenedParts opened) {
    this.options = options;
    this.opened = opened;
  }

  static ServingRuntime assemble(RuntimeOptions options) {
    OpenedParts opened = new OpenedParts();
    try {
      return new RuntimeAssembly(options, opened).assemble();
    } catch (Throwable t) {
      opened.closeAfter(t);
      throw t;
    }
  }

  private ServingRuntime assemble() {
    DeviceInventory devices =
        new DeviceInventory(
            options.parts().deviceProviders(), options.clock(), options.returnAfter());
    DeviceFollower follower = opened.opened(new DeviceFollower(options.name(), devices));
    Bytes configured = options.nativeMemory();
    Bytes limit = configured == null ? devices.hostMemory() : configured;
    NativeMemory memory = opened.opened(NativeMemory.root(options.name(), limit));
    ServingMetrics metrics = metrics(memory);
    ModelAssembly assembly = new ModelAssembly(options, opened, memory, devices);
    List<Deployment> models = new ArrayList<>();
    for (ModelSource source : options.models()) {
      models.add(assemble(assembly, source, metrics));
    }
    List<LoadedEmbeddings> embeddings = new ArrayList<>();
    for (EmbeddingSource source : options.embeddings()) {
      embeddings.add(assemble(source, memory, metrics));
    }
    follower.follow(models);
    return new AssembledRuntime(
        named(models),
        namedEmbeddings(embeddings),
        () -> new Screen(options, devices, limit, loaded(models), embeddings).description(),
        opened,
        memory,
        HexFormat.of().toHexDigits(options.seeds().getAsLong(), 8),
        metrics);
  }

  private @Nullable ServingMetrics metrics(NativeMemory memory) {
    MeterRegistry registry = options.meters();
    if (registry == null) {
      return null;
    }
    ServingMetrics metrics = opened.opened(new ServingMetrics(registry, options.name()));
    metrics.measure(memory);
    return metrics;
  }

  private static List<LoadedModel> loaded(List<Deployment> models) {
    return models.stream().map(Deployment::loaded).toList();
  }

  private Deployment assemble(
      ModelAssembly assembly, ModelSource source, @Nullable ServingMetrics metrics) {
    ModelMeters meters = metrics == null ? null : metrics.model(source.servedNames());
    Deployment model = assembly.assemble(source, meters);
    if (meters != null) {
      meters.begin(model.loaded().engine());
    }
    return model;
  }

  private LoadedEmbeddings assemble(
      EmbeddingSource source, NativeMemory memory, @Nullable ServingMetrics metrics) {
    EmbeddingMeters meters = metrics == null ? null : metrics.embeddings(source.servedNames());
    return new EmbeddingAssembly(options, opened, memory).assemble(source, meters);
  }

  private List<NamedEmbeddings> namedEmbeddings(List<LoadedEmbeddings> models) {
    Instant since = options.clock().instant();
    return models.stream()
        .flatMap(model -> model.names().stream().map(n -> new NamedEmbeddings(n, since, model)))
        .toList();
  }

  private List<NamedModel> named(List<Deployment> models) {
    Instant since = options.clock().instant();
    return models.stream()
        .flatMap(model ->
            model.loaded().stored().names().stream()
                .map(name -> new NamedModel(name, since, model)))
        .toList();
  }
}

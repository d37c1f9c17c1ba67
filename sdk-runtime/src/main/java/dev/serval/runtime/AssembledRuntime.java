package dev.serval.runtime;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RuntimeDescription;
import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.UnknownModelException;
import dev.serval.api.device.NativeMemory;
import dev.serval.runtime.metrics.ServingMetrics;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A runtime whose parts are in place. */
final class AssembledRuntime implements ServingRuntime {
  private final List<NamedModel> models;
  private final List<NamedEmbeddings> embeddings;
  private final Supplier<RuntimeDescription> description;
  private final OpenedParts parts;
  private final NativeMemory memory;
  private final String idPrefix;
  private final @Nullable ServingMetrics metrics;
  private final OpenRequests requests = new OpenRequests();
  private final AtomicLong ids = new AtomicLong();

  AssembledRuntime(
      List<NamedModel> models,
      List<NamedEmbeddings> embeddings,
      Supplier<RuntimeDescription> description,
      OpenedParts parts,
      NativeMemory memory,
      String idPrefix,
      @Nullable ServingMetrics metrics) {
    this.models = models;
    this.embeddings = embeddings;
    this.description = description;
    this.parts = parts;
    this.memory = memory;
    this.idPrefix = idPrefix;
    this.metrics = metrics;
  }

  @Override
  public Generation submit(GenerationRequest request) {
    return counted(() -> begin(request));
  }

  @Override
  public CompletableFuture<EmbeddingResult> embed(EmbeddingRequest request) {
    return counted(() -> begin(request));
  }

  private <T> T counted(Supplier<T> begun) {
    try {
      return begun.get();
    } catch (InvalidRequestException | UnknownModelException e) {
      refused("invalid");
      throw e;
    } catch (RequestRejectedException e) {
      refused("rejected");
      throw e;
    }
  }

  private Generation begin(GenerationRequest request) {
    requests.enter();
    try {
      NamedModel model = find(request.model());
      String id = idPrefix + "-" + ids.incrementAndGet();
      return model.loaded().submit(id, request, ended -> requests.leave());
    } catch (Throwable t) {
      requests.leave();
      throw t;
    }
  }

  private CompletableFuture<EmbeddingResult> begin(EmbeddingRequest request) {
    requests.enter();
    try {
      NamedEmbeddings model = named(request.model(), embeddings, NamedEmbeddings::name, "embeds");
      return model.loaded().embedder().embed(request, model.name(), requests::leave);
    } catch (Throwable t) {
      requests.leave();
      throw t;
    }
  }

  private NamedModel find(Optional<String> name) {
    return named(name, models, NamedModel::name, "generates");
  }

  private static <T> T named(
      Optional<String> name, List<T> all, Function<T, String> nameOf, String does) {
    return all.stream()
        .filter(model -> name.isEmpty() || name.get().equals(nameOf.apply(model)))
        .findFirst()
        .orElseThrow(() ->
            name.map(n -> new UnknownModelException(n, all.stream().map(nameOf).toList()))
                .orElseGet(() -> UnknownModelException.none(does)));
  }

  private void refused(String outcome) {
    if (metrics != null) {
      metrics.refused(outcome);
    }
  }

  @Override
  public List<ServedModel> models() {
    return List.copyOf(models);
  }

  @Override
  public ServedModel model(String name) {
    return find(Optional.of(name));
  }

  @Override
  public List<ServedEmbeddingModel> embeddingModels() {
    return List.copyOf(embeddings);
  }

  @Override
  public RuntimeDescription describe() {
    return description.get();
  }

  @Override
  public State state() {
    return requests.state();
  }

  @Override
  public boolean drain(Duration limit) throws InterruptedException {
    requests.advance(State.DRAINING);
    return requests.awaitNone(limit);
  }

  @Override
  public synchronized void close() {
    if (state() == State.CLOSED) {
      return;
    }
    requests.advance(State.DRAINING);
    try {
      parts.close();
    } finally {
      requests.advance(State.CLOSED);
    }
  }

  /** The root of the native memory's owners. */
  NativeMemory memory() {
    return memory;
  }

  @Override
  public String toString() {
    return describe().toString();
  }
}

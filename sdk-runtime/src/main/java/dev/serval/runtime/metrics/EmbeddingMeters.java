package dev.serval.runtime.metrics;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.TensorListener;
import dev.serval.runtime.embedding.EmbeddingListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What is measured of an embedding model: its batches, on the batcher's thread, and its requests,
 * under the names that OpenTelemetry has for them.
 */
public final class EmbeddingMeters implements TensorListener, EmbeddingListener {
  private final MeterRegistry registry;
  private final Tags runtime;
  private final Tags model;
  private final String name;
  private final DistributionSummary batchSize;
  private final DistributionSummary tokens;
  private final DistributionSummary padding;
  private final Timer batch;
  private final Timer queue;
  private final Counter expired;

  EmbeddingMeters(MeterRegistry registry, Tags runtime, String name) {
    this.registry = registry;
    this.runtime = runtime;
    this.name = name;
    this.model = runtime.and("gen_ai.response.model", name);
    batchSize = summary("serval.embedding.batch.size", "Texts of a batch", Buckets.inputs());
    tokens = summary("serval.embedding.batch.tokens", "Tokens of a batch", Buckets.tokens());
    padding = summary("serval.embedding.batch.padding", "Padding of a batch, in tokens");
    batch = timer("serval.embedding.batch", "Time of a batch", model, Buckets.token());
    queue = timer("serval.embedding.queue", "Time that texts wait", model, Buckets.firstToken());
    expired =
        Counter.builder("serval.embedding.expired")
            .description("Texts whose deadline passed while they waited")
            .tags(model)
            .register(registry);
  }

  /**
   * Measures how many texts wait.
   *
   * @param waiting tells it at any moment
   */
  public void begin(IntSupplier waiting) {
    Gauge.builder("serval.embedding.waiting", waiting, IntSupplier::getAsInt)
        .description("Texts that wait for their batch")
        .strongReference(true)
        .tags(model)
        .register(registry);
  }

  @Override
  public void batch(int inputs, long length, long paddedLength, long nanos) {
    batchSize.record(inputs);
    tokens.record((double) length);
    padding.record((double) (paddedLength - length));
    batch.record(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void began(long nanos) {
    queue.record(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void expired() {
    expired.increment();
  }

  @Override
  public void ended(
      EmbeddingRequest request,
      long nanos,
      @Nullable EmbeddingResult result,
      @Nullable Throwable failure) {
    String requested = request.model().orElse(name);
    Tags tags =
        model.and(
            "gen_ai.provider.name",
            "serval",
            "gen_ai.operation.name",
            "embeddings",
            "gen_ai.request.model",
            requested);
    String error = failure == null ? "none" : failure.getClass().getSimpleName();
    timer(
            "gen_ai.server.request.duration",
            "Time from a request's submission to its end",
            tags.and("error.type", error),
            Buckets.request())
        .record(nanos, TimeUnit.NANOSECONDS);
    if (result != null) {
      DistributionSummary.builder("gen_ai.client.token.usage")
          .description("Tokens of prompt and completion")
          .baseUnit("token")
          .tags(tags.and("gen_ai.token.type", "input"))
          .serviceLevelObjectives(Buckets.tokens())
          .register(registry)
          .record(result.promptTokens());
    }
    ServingMetrics.requests(registry, runtime, requested, outcome(failure)).increment();
  }

  private static String outcome(@Nullable Throwable failure) {
    return switch (failure) {
      case null -> "embedded";
      case CancellationException _ -> "cancelled";
      case RequestRejectedException late when late.reason() == Reason.DEADLINE -> "expired";
      default -> "failed";
    };
  }

  private DistributionSummary summary(String meter, String description, double... buckets) {
    return DistributionSummary.builder(meter)
        .description(description)
        .serviceLevelObjectives(buckets)
        .tags(model)
        .register(registry);
  }

  private Timer timer(String meter, String description, Tags tags, Duration... buckets) {
    return Timer.builder(meter)
        .description(description)
        .serviceLevelObjectives(buckets)
        .tags(tags)
        .register(registry);
  }
}

package dev.serval.runtime.metrics;

import dev.serval.api.FinishReason;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.Timings;
import dev.serval.api.Usage;
import dev.serval.api.batching.Engine;
import dev.serval.runtime.generation.GenerationListener;
import dev.serval.runtime.generation.PreparedRequest;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What is measured of a model's requests, under the names that OpenTelemetry has for it where it
 * has some. Whatever has a tag that depends on the request is looked up for each; a registry keeps
 * it.
 */
public final class ModelMeters implements GenerationListener {
  private final MeterRegistry registry;
  private final Tags runtime;
  private final Tags common;
  private final List<String> names;
  private final EngineMeters engine;

  ModelMeters(MeterRegistry registry, Tags runtime, List<String> names) {
    this.registry = registry;
    this.runtime = runtime;
    this.names = names;
    Tags model = runtime.and("gen_ai.response.model", names.getFirst());
    this.common = model.and("gen_ai.provider.name", "serval");
    this.engine = new EngineMeters(registry, model);
  }

  /**
   * The meters of the model's engine.
   *
   * @return what the engine tells
   */
  public EngineMeters engine() {
    return engine;
  }

  /**
   * Begins to measure: what the engine did before was not for anybody.
   *
   * @param measured the model's engine
   */
  public void begin(Engine measured) {
    engine.begin(measured);
  }

  @Override
  public void firstToken(PreparedRequest request, long nanos) {
    timer(
            "gen_ai.server.time_to_first_token",
            "Time until a request's first token",
            Buckets.firstToken())
        .tags(tags(request))
        .register(registry)
        .record(nanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void ended(PreparedRequest request, GenerationResult result, @Nullable Throwable failure) {
    Tags tags = tags(request);
    Timings timings = result.timings();
    timer(
            "gen_ai.server.request.duration",
            "Time from a request's submission to its end",
            Buckets.request())
        .tags(tags.and("error.type", errorType(failure)))
        .register(registry)
        .record(timings.total());
    timer(
            "serval.request.queue",
            "Time until the first step that worked on a request",
            Buckets.firstToken())
        .tags(tags)
        .register(registry)
        .record(timings.queue());
    perOutputToken(timings, tags);
    used(result.usage(), tags);
    ServingMetrics.requests(registry, runtime, requested(request), outcome(result, failure))
        .increment();
  }

  private void perOutputToken(Timings timings, Tags tags) {
    int gaps = timings.gaps().size();
    if (gaps > 0) {
      Duration all = timings.gaps().stream().reduce(Duration.ZERO, Duration::plus);
      timer(
              "gen_ai.server.time_per_output_token",
              "Time for each token after the first",
              Buckets.token())
          .tags(tags)
          .register(registry)
          .record(all.dividedBy(gaps));
    }
  }

  private void used(Usage usage, Tags tags) {
    tokens(tags, "input").record(usage.promptTokens());
    tokens(tags, "output").record(usage.completionTokens());
  }

  private DistributionSummary tokens(Tags tags, String type) {
    return DistributionSummary.builder("gen_ai.client.token.usage")
        .description("Tokens of prompt and completion")
        .baseUnit("token")
        .tags(tags.and("gen_ai.token.type", type))
        .serviceLevelObjectives(Buckets.tokens())
        .register(registry);
  }

  private static Timer.Builder timer(String name, String description, Duration... buckets) {
    return Timer.builder(name).description(description).serviceLevelObjectives(buckets);
  }

  private Tags tags(PreparedRequest request) {
    boolean chat = request.request().prompt() instanceof Prompt.Chat;
    return common.and(
        "gen_ai.operation.name",
        chat ? "chat" : "text_completion",
        "gen_ai.request.model",
        requested(request));
  }

  private String requested(PreparedRequest request) {
    return request.request().model().orElse(names.getFirst());
  }

  private static String errorType(@Nullable Throwable failure) {
    if (failure == null) {
      return "none";
    }
    Throwable cause = failure.getCause() == null ? failure : failure.getCause();
    return cause.getClass().getSimpleName();
  }

  private static String outcome(GenerationResult result, @Nullable Throwable failure) {
    FinishReason worst =
        result.choices().stream()
            .map(GenerationResult.Choice::finishReason)
            .max(FinishReason::compareTo)
            .orElseThrow();
    return failure == null ? worst.name().toLowerCase(Locale.ROOT) : "failed";
  }
}

package dev.serval.runtime.metrics;

import dev.serval.api.Bytes;
import dev.serval.api.device.NativeMemory;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import java.util.List;
import java.util.function.Function;

/**
 * The meters of one runtime in a registry. Each bears the runtime's name as the tag {@code
 * serval.runtime}, and all of them leave the registry when this is closed. Tags take their values
 * from what is served and from enumerations, never from a request.
 */
public final class ServingMetrics implements AutoCloseable {
  static final String RUNTIME = "serval.runtime";

  private final MeterRegistry registry;
  private final String runtime;

  /**
   * Meters in a registry.
   *
   * @param registry the application's registry
   * @param runtime the runtime's name
   */
  public ServingMetrics(MeterRegistry registry, String runtime) {
    this.registry = registry;
    this.runtime = runtime;
  }

  /**
   * Measures the runtime's native memory.
   *
   * @param memory the root of its owners
   */
  public void measure(NativeMemory memory) {
    gauge("serval.memory.native.used", "Native memory in use", memory, NativeMemory::used);
    gauge("serval.memory.native.limit", "Native memory allowed", memory, NativeMemory::limit);
  }

  private void gauge(
      String name, String description, NativeMemory memory, Function<NativeMemory, Bytes> amount) {
    Gauge.builder(name, memory, measured -> amount.apply(measured).count())
        .description(description)
        .baseUnit("bytes")
        .tag(RUNTIME, runtime)
        .register(registry);
  }

  /**
   * The meters of one model.
   *
   * @param names the names it is served under, the first for what concerns its engine
   * @return its meters, which measure nothing until they are told to
   */
  public ModelMeters model(List<String> names) {
    return new ModelMeters(registry, Tags.of(RUNTIME, runtime), names);
  }

  /**
   * The meters of one embedding model.
   *
   * @param names the names it is served under, the first for what concerns its batches
   * @return its meters
   */
  public EmbeddingMeters embeddings(List<String> names) {
    return new EmbeddingMeters(registry, Tags.of(RUNTIME, runtime), names.getFirst());
  }

  /**
   * A request was not taken.
   *
   * @param outcome {@code invalid} or {@code rejected}
   */
  public void refused(String outcome) {
    requests(registry, Tags.of(RUNTIME, runtime), "none", outcome).increment();
  }

  static Counter requests(MeterRegistry registry, Tags runtime, String model, String outcome) {
    return Counter.builder("serval.requests")
        .description("Requests by how they ended")
        .tags(runtime.and(Tag.of("gen_ai.request.model", model), Tag.of("outcome", outcome)))
        .register(registry);
  }

  @Override
  public void close() {
    registry.getMeters().stream()
        .filter(meter -> runtime.equals(meter.getId().getTag(RUNTIME)))
        .forEach(registry::remove);
  }
}

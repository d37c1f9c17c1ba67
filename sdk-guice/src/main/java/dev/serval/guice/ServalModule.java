package dev.serval.guice;

import com.google.inject.AbstractModule;
import com.google.inject.Key;
import com.google.inject.Provider;
import com.google.inject.Singleton;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.multibindings.OptionalBinder;
import com.google.inject.util.Types;
import dev.serval.api.LoadListener;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.placement.PlacementPolicy;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.runtime.EmbeddingSource;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.ServingRuntimeBuilder;
import dev.serval.runtime.tracing.GenerationTracer;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Binds a {@link ServingRuntime}, a singleton, put together from what other modules bind:
 *
 * <ul>
 *   <li>many, by {@link Multibinder}: {@link ModelSource} and {@link EmbeddingSource} (at least one
 *       of either; the first is the default), {@link CheckpointReader}, {@link ModelFamily}, {@link
 *       TextCodecReader}, {@link ComputeBackendProvider}, {@link DeviceProvider}, {@link
 *       EmbeddingModelReader}, {@link PolicyProvider} (asked for by its name in the options);
 *   <li>one, by a plain binding or {@link OptionalBinder#setBinding}: {@link PlacementPolicy},
 *       {@link DevicePreference}, {@link KernelPreference}, {@link AdmissionPolicy}, {@link
 *       OrderPolicy}, {@link ChunkPolicy}, {@link VictimPolicy}, {@link MeterRegistry}, {@link
 *       GenerationTracer}, {@link LoadListener}.
 * </ul>
 *
 * <p>What nobody binds is as {@link ServingRuntimeBuilder} has it; no default is bound here, so
 * none is created in vain. Numbers and sizes are set by the options, which have the last word:
 *
 * <pre>{@code
 * Injector injector = Guice.createInjector(
 *     new ServalModule(options -> options.kvBudget(Bytes.gibi(2)).threads(8)),
 *     new AbstractModule() {
 *       @Override protected void configure() {
 *         Multibinder.newSetBinder(binder(), ModelSource.class)
 *             .addBinding().toInstance(ModelSource.of(Path.of("models/demo")));
 *       }
 *     });
 * }</pre>
 *
 * <p>Guice does not close what it made: whoever made the injector closes the runtime.
 */
public final class ServalModule extends AbstractModule {
  private final Consumer<? super ServingRuntimeBuilder> options;

  /** A runtime with default options. */
  public ServalModule() {
    this(_ -> {});
  }

  /**
   * A runtime with options of the application's.
   *
   * @param options sets them, after everything that is bound was taken over
   */
  public ServalModule(Consumer<? super ServingRuntimeBuilder> options) {
    this.options = options;
  }

  @Override
  protected void configure() {
    List<Consumer<ServingRuntimeBuilder>> parts = new ArrayList<>();
    parts.add(many(ModelSource.class, ServingRuntimeBuilder::model));
    parts.add(many(EmbeddingSource.class, ServingRuntimeBuilder::embeddings));
    parts.add(many(CheckpointReader.class, ServingRuntimeBuilder::reader));
    parts.add(many(ModelFamily.class, ServingRuntimeBuilder::family));
    parts.add(many(TextCodecReader.class, ServingRuntimeBuilder::textCodec));
    parts.add(many(ComputeBackendProvider.class, ServingRuntimeBuilder::backend));
    parts.add(many(DeviceProvider.class, ServingRuntimeBuilder::deviceProvider));
    parts.add(many(PolicyProvider.class, ServingRuntimeBuilder::policyProvider));
    parts.add(many(EmbeddingModelReader.class, ServingRuntimeBuilder::embeddingReader));
    parts.add(one(PlacementPolicy.class, ServingRuntimeBuilder::placement));
    parts.add(one(DevicePreference.class, ServingRuntimeBuilder::device));
    parts.add(one(KernelPreference.class, ServingRuntimeBuilder::kernels));
    parts.add(one(AdmissionPolicy.class, ServingRuntimeBuilder::admission));
    parts.add(one(OrderPolicy.class, ServingRuntimeBuilder::order));
    parts.add(one(ChunkPolicy.class, ServingRuntimeBuilder::chunk));
    parts.add(one(VictimPolicy.class, ServingRuntimeBuilder::victim));
    parts.add(one(DraftPolicy.class, ServingRuntimeBuilder::draft));
    parts.add(one(MeterRegistry.class, ServingRuntimeBuilder::meters));
    parts.add(one(GenerationTracer.class, ServingRuntimeBuilder::tracer));
    parts.add(one(LoadListener.class, ServingRuntimeBuilder::loadListener));
    parts.add(options::accept);
    bind(ServingRuntime.class).toProvider(new RuntimeProvider(parts)).in(Singleton.class);
  }

  private <T> Consumer<ServingRuntimeBuilder> many(
      Class<T> type, BiConsumer<ServingRuntimeBuilder, T> option) {
    Multibinder.newSetBinder(binder(), type);
    Provider<Set<T>> all = provider(Types.setOf(type));
    return builder -> all.get().forEach(each -> option.accept(builder, each));
  }

  private <T> Consumer<ServingRuntimeBuilder> one(
      Class<T> type, BiConsumer<ServingRuntimeBuilder, T> option) {
    OptionalBinder.newOptionalBinder(binder(), type);
    Provider<Optional<T>> perhaps = provider(Types.newParameterizedType(Optional.class, type));
    return builder -> perhaps.get().ifPresent(value -> option.accept(builder, value));
  }

  /** A provider of a type that was put together from others. */
  @SuppressWarnings("unchecked") // the type is T by construction
  private <T> Provider<T> provider(Type type) {
    return binder().getProvider((Key<T>) Key.get(type));
  }
}

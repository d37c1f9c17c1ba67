package dev.serval.guice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.inject.AbstractModule;
import com.google.inject.Binder;
import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Module;
import com.google.inject.ProvisionException;
import com.google.inject.Stage;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.multibindings.OptionalBinder;
import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.EmbeddingRequest;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.placement.Placement;
import dev.serval.api.placement.PlacementPolicy;
import dev.serval.batching.OrderPolicies;
import dev.serval.runtime.EmbeddingSource;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.Serval;
import dev.serval.runtime.ServingRuntimeBuilder;
import dev.serval.testkit.models.Oracle;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A runtime through Guice is the one that the builder gives. */
final class ServalModuleTest {
  private final Oracle llama = Oracle.named("llama");
  @TempDir Path folder;
  private Path first;
  private Path second;

  @BeforeEach
  void twoModels() throws IOException {
    first = llama.folder(folder);
    second = Oracle.named("qwen2").folder(folder);
  }

  @Test
  void it_describes_itself_as_the_one_that_the_builder_gives() {
    ServingRuntimeBuilder builder = Serval.builder().model(first).model(second);
    small(builder);
    try (ServingRuntime built = builder.build();
        ServingRuntime injected =
            inject(new ServalModule(ServalModuleTest::small), models(first, second))) {
      assertThat(injected.describe()).isEqualTo(built.describe());
    }
  }

  @Test
  void embedding_models_are_bound_beside_those_that_generate() {
    EmbeddingModel nothing = new ZeroEmbeddings();
    EmbeddingModelReader reader = new ZeroEmbeddings.Reader(nothing);
    EmbeddingSource source = EmbeddingSource.of(folder).withNames("zero");
    ServingRuntimeBuilder builder =
        Serval.builder().model(first).embeddings(source).embeddingReader(reader);
    small(builder);
    Module embeddings =
        binder -> {
          Multibinder.newSetBinder(binder, EmbeddingSource.class).addBinding().toInstance(source);
          Multibinder.newSetBinder(binder, EmbeddingModelReader.class)
              .addBinding()
              .toInstance(reader);
        };
    try (ServingRuntime built = builder.build();
        ServingRuntime injected =
            inject(new ServalModule(ServalModuleTest::small), models(first), embeddings)) {
      assertThat(injected.describe()).isEqualTo(built.describe());
      assertThat(injected.embed(EmbeddingRequest.of("a")).join().vectors().getFirst())
          .containsExactly(0, 0);
    }
  }

  @Test
  void policies_that_are_bound_take_the_place_of_the_defaults_as_in_the_builder() {
    PlacementPolicy placement =
        (demand, candidates) -> new Placement(candidates.getFirst(), "by the test");
    OrderPolicy order = OrderPolicies.priority();
    ServingRuntimeBuilder builder = Serval.builder().model(first).placement(placement).order(order);
    small(builder);
    Module policies =
        binder -> {
          binder.bind(PlacementPolicy.class).toInstance(placement);
          OptionalBinder.newOptionalBinder(binder, OrderPolicy.class)
              .setBinding()
              .toInstance(order);
        };
    try (ServingRuntime built = builder.build();
        ServingRuntime injected =
            inject(new ServalModule(ServalModuleTest::small), models(first), policies)) {
      assertThat(injected.describe()).isEqualTo(built.describe());
      assertThat(injected.describe().toString()).contains("by the test");
    }
  }

  @Test
  void it_is_one_runtime_for_the_whole_injector_and_serves() {
    Injector injector =
        Guice.createInjector(
            Stage.PRODUCTION, new ServalModule(ServalModuleTest::small), models(first, second));
    try (ServingRuntime runtime = injector.getInstance(ServingRuntime.class)) {
      assertThat(injector.getInstance(ServingRuntime.class)).isSameAs(runtime);
      assertThat(runtime.models()).extracting(ServedModel::name).containsExactly("llama", "qwen2");
      int tokens =
          runtime
              .submit(
                  GenerationRequest.builder(Prompt.tokens(llama.prompts().get(1)))
                      .maxTokens(5)
                      .ignoreEos(true)
                      .build())
              .result()
              .toCompletableFuture()
              .join()
              .usage()
              .completionTokens();
      assertThat(tokens).isEqualTo(5);
    }
  }

  @Test
  void a_registry_that_the_application_has_bound_for_itself_is_used() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    try (ServingRuntime _ =
        inject(
            new ServalModule(ServalModuleTest::small),
            models(first),
            binder -> binder.bind(MeterRegistry.class).toInstance(registry))) {
      assertThat(registry.find("serval.kv.blocks.total").gauge()).isNotNull();
    }
  }

  @Test
  void what_the_builder_refuses_is_the_cause_that_guice_tells() {
    assertThatExceptionOfType(ProvisionException.class)
        .isThrownBy(() -> inject(new ServalModule(options -> options.threads(0))).close())
        .withMessageContaining("model: there is none")
        .withMessageContaining("threads: the value is between 1 and 4096")
        .withRootCauseInstanceOf(ConfigurationException.class);
    assertThatExceptionOfType(CreationException.class)
        .isThrownBy(() -> Guice.createInjector(Stage.PRODUCTION, new ServalModule()))
        .withMessageContaining("model: there is none");
  }

  private static void small(ServingRuntimeBuilder options) {
    options.kvBudget(Bytes.mebi(4)).maxRunning(4).warmUp(Duration.ZERO);
  }

  private static ServingRuntime inject(Module... modules) {
    return Guice.createInjector(modules).getInstance(ServingRuntime.class);
  }

  private static Module models(Path... paths) {
    return new AbstractModule() {
      @Override
      protected void configure() {
        add(binder(), paths);
      }
    };
  }

  private static void add(Binder binder, Path... paths) {
    Multibinder<ModelSource> models = Multibinder.newSetBinder(binder, ModelSource.class);
    for (Path path : paths) {
      models.addBinding().toInstance(ModelSource.of(path));
    }
  }
}

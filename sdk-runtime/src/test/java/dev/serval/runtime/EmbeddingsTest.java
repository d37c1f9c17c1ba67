package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Tenant;
import dev.serval.api.UnknownModelException;
import dev.serval.api.batching.TensorBatching;
import dev.serval.testkit.models.MiniLm;
import dev.serval.testkit.models.Oracle;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A runtime that serves all-MiniLM-L6-v2. */
final class EmbeddingsTest {
  private static final String[] WORDS =
      "the cat of savannah hunts at dusk while rivers carry light and people forget passwords"
          .split(" ");

  @TempDir private static Path folder;
  private static EmbeddingSource minilm;

  @BeforeAll
  static void unpack() throws IOException {
    minilm = EmbeddingSource.of(MiniLm.unpack(folder)).withNames("minilm", "text-embedding");
  }

  private static ServingRuntime open(EmbeddingSource source) {
    return Serval.builder().embeddings(source).build();
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder();
    for (int words = 1 + random.nextInt(random.nextBoolean() ? 8 : 50); words > 0; words--) {
      text.append(WORDS[random.nextInt(WORDS.length)]).append(' ');
    }
    return text.toString();
  }

  @Test
  void many_callers_get_the_vectors_that_one_alone_gets() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<String> texts = IntStream.range(0, 96).mapToObj(i -> text(random)).toList();
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    try (ServingRuntime runtime = Serval.builder().embeddings(minilm).meters(registry).build();
        ExecutorService callers = Executors.newFixedThreadPool(16)) {
      List<Future<EmbeddingResult>> together = new ArrayList<>();
      for (String text : texts) {
        together.add(callers.submit(() -> runtime.embed(EmbeddingRequest.of(text)).join()));
      }
      float worst = 0;
      for (int i = 0; i < texts.size(); i++) {
        float[] among = together.get(i).get().vectors().getFirst();
        float[] alone =
            runtime.embed(EmbeddingRequest.of(texts.get(i))).join().vectors().getFirst();
        worst = Math.max(worst, distance(among, alone));
      }
      assertThat(worst).as("seed %d", seed).isLessThan(1e-5f);
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
      double largest = registry.get("serval.embedding.batch.size").summary().max();
      assertThat(largest).as("the largest batch").isBetween(4.0, 16.0);
      assertThat(registry.get("serval.embedding.queue").timer().count()).isEqualTo(192);
      assertThat(registry.get("serval.requests").tag("outcome", "embedded").counter().count())
          .isEqualTo(192);
    }
    assertThat(registry.getMeters()).isEmpty();
  }

  @Test
  void a_model_is_warmed_up_before_it_is_served_unless_told_not_to() {
    for (Duration longest : List.of(Duration.ofMillis(300), Duration.ZERO)) {
      List<Long> done = Collections.synchronizedList(new ArrayList<>());
      ServingRuntimeBuilder builder =
          Serval.builder()
              .embeddings(minilm)
              .warmUp(longest)
              .loadListener((stage, count, total) -> {
                if (stage.equals("warm-up")) {
                  assertThat(total).isEqualTo(longest.toNanos());
                  done.add(count);
                }
              });
      try (ServingRuntime runtime = builder.build()) {
        assertThat(runtime.embed(EmbeddingRequest.of("hello")).join().vectors()).hasSize(1);
      }
      if (longest.isZero()) {
        assertThat(done).isEmpty();
      } else {
        assertThat(done).hasSizeGreaterThan(2).endsWith(longest.toNanos()).isSorted();
      }
    }
  }

  private static float distance(float[] one, float[] other) {
    float most = 0;
    for (int i = 0; i < one.length; i++) {
      most = Math.max(most, Math.abs(one[i] - other[i]));
    }
    return most;
  }

  @Test
  void a_request_of_many_texts_keeps_their_order_and_counts_their_tokens() {
    List<String> texts = List.of("hello world", "a", "hello world, hello world, hello world");
    try (ServingRuntime runtime = open(minilm)) {
      EmbeddingResult all =
          runtime.embed(EmbeddingRequest.builder(texts).model("text-embedding").build()).join();
      assertThat(all.model()).isEqualTo("text-embedding");
      assertThat(all.promptTokens()).isEqualTo(4 + 3 + 10);
      assertThat(all.total()).isPositive();
      for (int i = 0; i < texts.size(); i++) {
        float[] one = runtime.embed(EmbeddingRequest.of(texts.get(i))).join().vectors().getFirst();
        assertThat(distance(all.vectors().get(i), one)).isLessThan(1e-5f);
      }
    }
  }

  @Test
  void it_describes_its_models_and_finds_them_by_name() {
    try (ServingRuntime runtime = open(minilm)) {
      assertThat(runtime.models()).isEmpty();
      assertThat(runtime.embeddingModels())
          .extracting(ServedEmbeddingModel::name)
          .containsExactly("minilm", "text-embedding");
      ServedEmbeddingModel model = runtime.embeddingModels().getFirst();
      assertThat(model.dimensions()).isEqualTo(MiniLm.DIMENSIONS);
      assertThat(model.maxTokens()).isEqualTo(MiniLm.MAX_TOKENS);
      assertThat(model.root()).isEqualTo(minilm.path().toString());
      assertThat(runtime.describe().toString())
          .contains(
              "minilm, text-embedding  384 dimensions, texts of up to 128 tokens, sha256 ",
              "up to 32 texts and 4096 tokens, waiting at most 5 ms for company",
              "activations rounded token by token")
          .doesNotContain("placement", "victim");
      assertThatThrownBy(
              () -> runtime.embed(EmbeddingRequest.builder(List.of("a")).model("bert").build()))
          .isInstanceOf(UnknownModelException.class)
          .hasMessage("the model 'bert' is not served here; there is minilm, text-embedding");
      assertThatThrownBy(() -> runtime.submit(GenerationRequest.of(Prompt.text("a"))))
          .isInstanceOf(UnknownModelException.class)
          .hasMessage("no model that generates is served here");
    }
  }

  @Test
  void texts_that_are_too_long_are_refused_with_the_limit_or_cut_if_asked_for() {
    String longer = "word ".repeat(200);
    try (ServingRuntime runtime = open(minilm)) {
      InvalidRequestException refused =
          catchThrowableOfType(
              InvalidRequestException.class,
              () -> runtime.embed(EmbeddingRequest.of("short", longer)));
      assertThat(refused)
          .hasMessage(
              "text 1 has 202 tokens, more than the 128 that the model 'minilm' takes; shorten it, or ask for it to be truncated");
      assertThat(refused.reason()).isEqualTo(InvalidRequestException.Reason.CONTEXT_LENGTH);
      EmbeddingResult cut =
          runtime.embed(EmbeddingRequest.builder(List.of(longer)).truncate(true).build()).join();
      float[] same =
          runtime.embed(EmbeddingRequest.of("word ".repeat(126))).join().vectors().getFirst();
      assertThat(cut.promptTokens()).isEqualTo(128);
      assertThat(distance(cut.vectors().getFirst(), same)).isLessThan(1e-6f);
    }
  }

  @Test
  void more_texts_than_may_wait_are_refused_whole() {
    EmbeddingSource narrow =
        minilm.withBatching(TensorBatching.DEFAULT.withMaxBatch(1, 128).withMaxWaiting(4));
    try (ServingRuntime runtime = open(narrow)) {
      assertThatThrownBy(() -> runtime.embed(request(5)))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage("a request may have 4 texts, not 5");
      List<CompletableFuture<EmbeddingResult>> taken = new ArrayList<>();
      RequestRejectedException rejected = null;
      while (rejected == null) {
        try {
          taken.add(runtime.embed(request(4)));
        } catch (RequestRejectedException e) {
          rejected = e;
        }
      }
      assertThat(rejected).hasMessageContaining("4 more would be more than the 4 that may wait");
      assertThat(taken).allMatch(result -> result.join().vectors().size() == 4);
    }
  }

  private static EmbeddingRequest request(int texts) {
    return EmbeddingRequest.builder(Collections.nCopies(texts, "word ".repeat(20))).build();
  }

  @Test
  void a_deadline_that_passes_fails_the_request_and_frees_its_places() {
    try (ServingRuntime runtime = open(minilm.withBatching(one()))) {
      CompletableFuture<EmbeddingResult> first = runtime.embed(request(20));
      CompletableFuture<EmbeddingResult> late =
          runtime.embed(
              EmbeddingRequest.builder(List.of("late")).deadline(Duration.ofNanos(1)).build());
      assertThatThrownBy(late::join)
          .cause()
          .asInstanceOf(type(RequestRejectedException.class))
          .returns(Reason.DEADLINE, RequestRejectedException::reason);
      assertThat(first.join().vectors()).hasSize(20);
    }
  }

  @Test
  void a_tenant_beyond_its_quota_is_refused_until_its_request_has_ended() {
    Tenant anna = Tenant.of("anna").withQuota(Quota.ofRequests(1));
    EmbeddingRequest many =
        EmbeddingRequest.builder(Collections.nCopies(1500, "a text")).tenant(anna).build();
    EmbeddingRequest one = EmbeddingRequest.builder(List.of("a text")).tenant(anna).build();
    try (ServingRuntime runtime = open(minilm.withBatching(one()))) {
      CompletableFuture<EmbeddingResult> first = runtime.embed(many);
      assertThatThrownBy(() -> runtime.embed(one))
          .asInstanceOf(type(RequestRejectedException.class))
          .returns(Reason.QUOTA, RequestRejectedException::reason);
      assertThat(first.join().vectors()).hasSize(1500);
      assertThat(runtime.embed(one).join().vectors()).hasSize(1);
    }
  }

  private static TensorBatching one() {
    return TensorBatching.DEFAULT.withMaxBatch(1, 128);
  }

  @Test
  void cancelling_takes_out_what_has_not_begun() throws Exception {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    try (ServingRuntime runtime =
        Serval.builder().embeddings(minilm.withBatching(one())).meters(registry).build()) {
      CompletableFuture<EmbeddingResult> cancelled = runtime.embed(request(2000));
      assertThat(cancelled.cancel(false)).isTrue();
      assertThat(runtime.embed(EmbeddingRequest.of("next")).join().vectors()).hasSize(1);
      assertThat(registry.get("serval.embedding.batch").timer().count()).isLessThan(2000);
      assertThat(registry.get("serval.embedding.waiting").gauge().value()).isZero();
      assertThat(runtime.drain(Duration.ofMinutes(1))).isTrue();
      assertThat(registry.get("serval.requests").tag("outcome", "cancelled").counter().count())
          .isEqualTo(1);
    }
  }

  @Test
  void closing_fails_what_waits_and_gives_every_thread_and_all_memory_back() {
    Threads before = Threads.now();
    AssembledRuntime runtime = (AssembledRuntime) open(minilm.withBatching(one()));
    assertThat(runtime.memory().used()).isGreaterThan(Bytes.mebi(20));
    CompletableFuture<EmbeddingResult> waiting = runtime.embed(request(4000));
    runtime.close();
    assertThatThrownBy(() -> waiting.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(RequestRejectedException.class);
    assertThatThrownBy(() -> runtime.embed(EmbeddingRequest.of("a")))
        .isInstanceOf(RequestRejectedException.class);
    assertThat(runtime.memory().used()).isEqualTo(Bytes.ZERO);
    before.assertNoneLeft();
  }

  @Test
  void it_stands_beside_a_model_that_generates(@TempDir Path other) throws IOException {
    OracleRequests requests = new OracleRequests(Oracle.named("llama"));
    try (ServingRuntime runtime =
        Serval.builder().model(requests.oracle().folder(other)).embeddings(minilm).build()) {
      CompletableFuture<EmbeddingResult> embedded = runtime.embed(EmbeddingRequest.of("hello"));
      requests.check(runtime, 1, "beside embeddings");
      assertThat(embedded.join().vectors().getFirst()).hasSize(MiniLm.DIMENSIONS);
      assertThat(runtime.describe().sections()).extracting(s -> s.title()).contains("embeddings");
    }
  }

  @Test
  void what_cannot_be_served_is_said_before_anything_is_loaded() {
    assertThatThrownBy(() ->
            Serval.builder()
                .embeddings(Path.of("nowhere"))
                .embeddings(folder)
                .embeddings(minilm.withMaxTokens(0))
                .embeddings(minilm)
                .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("embeddings: there is nothing at nowhere")
        .hasMessageContaining(folder + " is in no known format; there is onnx")
        .hasMessageContaining("embeddings.maxTokens: the value is between 1 and 1048576, unlike 0")
        .hasMessageContaining("embeddings.names: two models are to be served as 'minilm'");
  }
}

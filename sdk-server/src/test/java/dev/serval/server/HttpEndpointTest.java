package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.ConfigurationException;
import dev.serval.server.echo.EchoRuntime;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class HttpEndpointTest {
  private static final String TEXT = "/v1/completions";

  @Test
  void a_port_that_is_taken_is_named() {
    try (Served<EchoRuntime> served = Served.echo()) {
      assertThatExceptionOfType(ConfigurationException.class)
          .isThrownBy(
              () -> HttpEndpoint.builder(served.runtime).port(served.endpoint.port()).start())
          .withMessageContaining("127.0.0.1:" + served.endpoint.port());
    }
  }

  @Test
  void wrong_settings_are_reported_all_at_once() {
    try (EchoRuntime runtime = new EchoRuntime(1, 1)) {
      assertThatExceptionOfType(ConfigurationException.class)
          .isThrownBy(() ->
              HttpEndpoint.builder(runtime)
                  .port(70_000)
                  .host("")
                  .grace(Duration.ofSeconds(-1))
                  .start())
          .satisfies(e -> assertThat(e.problems()).hasSize(3));
    }
  }

  @Test
  void closing_gives_every_thread_back_and_can_be_repeated() throws Exception {
    Set<Thread> before = threads();
    Served<EchoRuntime> served = Served.echo();
    served.answer(TEXT, "{\"prompt\":\"ab\"}");
    served.close();
    served.endpoint.close();
    Eventually.holds(
        "no thread is left",
        () -> threads().stream().filter(t -> !before.contains(t)).noneMatch(Thread::isAlive));
  }

  private static Set<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().startsWith("vert") || t.getName().contains("eventloop"))
        .collect(Collectors.toSet());
  }

  @Test
  void closing_waits_for_an_answer_under_way() throws Exception {
    EchoRuntime runtime = new EchoRuntime(4, 4);
    Semaphore steps = new Semaphore(0);
    runtime.pace(steps);
    Served<EchoRuntime> served =
        new Served<>(runtime, endpoint -> endpoint.grace(Duration.ofSeconds(20)));
    CompletableFuture<HttpResponse<String>> answer =
        CompletableFuture.supplyAsync(() -> post(served));
    Eventually.holds("it runs", () -> runtime.generations().size() == 1);
    CompletableFuture<Void> closed = CompletableFuture.runAsync(served.endpoint::close);
    Eventually.holds("no new connection is taken", () -> refused(served));
    assertThat(closed).isNotDone();
    steps.release(3);
    assertThat(answer.join().statusCode()).isEqualTo(200);
    closed.join();
    served.close();
  }

  private static HttpResponse<String> post(Served<EchoRuntime> served) {
    try {
      return served.post(TEXT, "{\"prompt\":\"ab\"}");
    } catch (IOException | InterruptedException failure) {
      throw new AssertionError(failure);
    }
  }

  private static boolean refused(Served<EchoRuntime> served) {
    try {
      new RawClient(served.endpoint.port()).close();
      return false;
    } catch (IOException refused) {
      return true;
    }
  }

  @Test
  void a_draining_runtime_ends_what_it_has_and_refuses_the_rest() throws Exception {
    EchoRuntime runtime = new EchoRuntime(4, 4);
    Semaphore steps = new Semaphore(0);
    runtime.pace(steps);
    try (Served<EchoRuntime> served = new Served<>(runtime, endpoint -> endpoint)) {
      CompletableFuture<HttpResponse<String>> answer =
          CompletableFuture.supplyAsync(() -> post(served));
      Eventually.holds("it runs", () -> runtime.generations().size() == 1);
      assertThat(runtime.drain(Duration.ZERO)).isFalse();
      HttpResponse<String> refused = served.post(TEXT, "{\"prompt\":\"ab\"}");
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.headers().firstValue("retry-after")).hasValue("1");
      assertThat(served.get("/ready").statusCode()).isEqualTo(503);
      steps.release(3);
      assertThat(answer.join().statusCode()).isEqualTo(200);
    }
  }

  @Test
  void a_runtime_that_closes_under_a_request_is_unavailable_and_not_broken() throws Exception {
    EchoRuntime runtime = new EchoRuntime(4, 4);
    Semaphore steps = new Semaphore(2);
    runtime.pace(steps);
    try (Served<EchoRuntime> served = new Served<>(runtime, endpoint -> endpoint)) {
      CompletableFuture<HttpResponse<String>> whole =
          CompletableFuture.supplyAsync(() -> post(served));
      try (RawClient stream =
          new RawClient(served.endpoint.port())
              .send(RawClient.post(TEXT, "{\"stream\":true,\"prompt\":\"abcdef\"}"))) {
        Eventually.holds("both run", () -> runtime.generations().size() == 2);
        Eventually.holds("they are under way", () -> steps.availablePermits() == 0);
        runtime.close();
        assertThat(whole.join().statusCode()).isEqualTo(503);
        assertThat(stream.readUntil("\r\n0\r\n\r\n"))
            .contains("service_unavailable")
            .doesNotContain("[DONE]")
            .doesNotContain("abort");
      }
    }
  }

  @Test
  void the_hosts_vertx_is_used_and_left_open() throws Exception {
    Vertx vertx = Vertx.vertx();
    try (Served<EchoRuntime> served =
        new Served<>(new EchoRuntime(1, 1), endpoint -> endpoint.vertx(vertx))) {
      served.answer(TEXT, "{\"prompt\":\"ab\"}");
    }
    assertThat(vertx.executeBlocking(() -> "open").toCompletionStage().toCompletableFuture().get())
        .isEqualTo("open");
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}

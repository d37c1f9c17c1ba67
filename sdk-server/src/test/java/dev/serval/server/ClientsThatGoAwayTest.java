package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoGeneration;
import dev.serval.server.echo.EchoRuntime;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ClientsThatGoAwayTest {
  private static final String PROMPT =
      "\"prompt\":\"abc\",\"ignore_eos\":true,\"max_tokens\":90000";
  private static final String TEXT = "/v1/completions";

  private final EchoRuntime runtime = new EchoRuntime(2, 16);
  private final Semaphore steps = new Semaphore(0);
  private Served<EchoRuntime> served;

  @BeforeEach
  void serve() {
    runtime.pace(steps);
    served = new Served<>(runtime, endpoint -> endpoint.grace(Duration.ofMillis(100)));
  }

  @AfterEach
  void close() {
    served.close();
  }

  private RawClient client() throws Exception {
    return new RawClient(served.endpoint.port());
  }

  private void submitted(int count) {
    Eventually.holds(count + " submissions", () -> runtime.generations().size() == count);
  }

  private static void cancelled(EchoGeneration generation) {
    Eventually.holds("the generation was closed", generation::closed);
    Eventually.holds("it ended", generation::ended);
    assertThat(generation.steps()).isLessThan(90_000);
  }

  @Test
  void a_whole_answer_nobody_waits_for_is_cancelled() throws Exception {
    RawClient client = client().send(RawClient.post(TEXT, "{" + PROMPT + "}"));
    submitted(1);
    client.close();
    cancelled(runtime.last());
  }

  @Test
  void a_reset_cancels_too() throws Exception {
    RawClient client = client().send(RawClient.post(TEXT, "{" + PROMPT + "}"));
    submitted(1);
    client.reset();
    cancelled(runtime.last());
  }

  @Test
  void a_stream_nobody_reads_any_more_is_cancelled() throws Exception {
    RawClient client = client().send(RawClient.post(TEXT, "{\"stream\":true," + PROMPT + "}"));
    submitted(1);
    steps.release(3);
    client.readUntil("\"text\":\"c\"");
    client.close();
    cancelled(runtime.last());
    assertThat(runtime.last().steps()).isEqualTo(3);
  }

  @Test
  void a_stream_that_has_not_begun_is_cancelled() throws Exception {
    RawClient client = client().send(RawClient.post(TEXT, "{\"stream\":true," + PROMPT + "}"));
    submitted(1);
    client.close();
    cancelled(runtime.last());
  }

  @Test
  void a_stream_of_http_2_that_is_reset_is_cancelled_and_its_connection_goes_on() throws Exception {
    try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build()) {
      HttpRequest.Builder bad = served.request(TEXT).POST(BodyPublishers.ofString("{"));
      assertThat(client.send(bad.build(), BodyHandlers.ofString()).version())
          .isEqualTo(HttpClient.Version.HTTP_2);
      HttpRequest.Builder request =
          served.request(TEXT).POST(BodyPublishers.ofString("{\"stream\":true," + PROMPT + "}"));
      HttpResponse<InputStream> response =
          client.send(request.build(), BodyHandlers.ofInputStream());
      submitted(1);
      steps.release(3);
      assertThat(response.body().read()).isEqualTo('d');
      response.body().close();
      cancelled(runtime.last());
      assertThat(client.send(bad.build(), BodyHandlers.ofString()).statusCode()).isEqualTo(400);
    }
  }

  @Test
  void a_request_that_waits_its_turn_is_cancelled_and_the_others_go_on() throws Exception {
    RawClient first = client().send(RawClient.post(TEXT, "{\"prompt\":\"ab\"}"));
    RawClient second = client().send(RawClient.post(TEXT, "{\"prompt\":\"ab\"}"));
    submitted(2);
    RawClient waiting = client().send(RawClient.post(TEXT, "{" + PROMPT + "}"));
    submitted(3);
    waiting.close();
    cancelled(runtime.last());
    assertThat(runtime.last().steps()).isZero();
    steps.release(6);
    assertThat(first.readUntil("}]")).contains("\"text\":\"ab\"");
    assertThat(second.readUntil("}]")).contains("\"text\":\"ab\"");
    first.close();
    second.close();
  }

  @Test
  void all_prompts_and_choices_of_a_request_are_cancelled() throws Exception {
    RawClient client =
        client()
            .send(RawClient.post(TEXT, "{\"stream\":true,\"n\":2,\"prompt\":[\"a\",\"b\",\"c\"]}"));
    submitted(3);
    client.close();
    runtime.generations().forEach(ClientsThatGoAwayTest::cancelled);
  }

  @Test
  void one_that_went_before_its_prompt_was_read_is_never_submitted() throws Exception {
    AtomicReference<Runnable> first = new AtomicReference<>();
    Executor holdsTheFirst =
        task -> {
          if (!first.compareAndSet(null, task)) {
            Thread.startVirtualThread(task);
          }
        };
    OpenAiOptions options =
        OpenAiOptions.builder().executor(holdsTheFirst).maxConcurrent(1).build();
    EchoRuntime quiet = new EchoRuntime(2, 16);
    try (Served<EchoRuntime> other = new Served<>(quiet, endpoint -> endpoint.options(options))) {
      RawClient client =
          new RawClient(other.endpoint.port()).send(RawClient.post(TEXT, "{" + PROMPT + "}"));
      Eventually.holds("the request holds its place", () -> statusOfBadRequest(other) == 429);
      client.close();
      Eventually.holds("the place is free again", () -> statusOfBadRequest(other) == 400);
      first.get().run();
      assertThat(other.post(TEXT, "{\"prompt\":\"ab\"}").statusCode()).isEqualTo(200);
      assertThat(quiet.generations()).hasSize(1);
    }
  }

  private static int statusOfBadRequest(Served<EchoRuntime> other) {
    try {
      return other.post(TEXT, "{\"prompt\":7}").statusCode();
    } catch (Exception failure) {
      throw new AssertionError(failure);
    }
  }

  @Test
  void a_client_that_goes_within_its_body_leaves_nothing_behind() throws Exception {
    RawClient client = client();
    client.send(
        "POST " + TEXT + " HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"prompt\":");
    client.close();
    steps.release(100);
    assertThat(served.post(TEXT, "{\"prompt\":\"ab\"}").statusCode()).isEqualTo(200);
    assertThat(runtime.generations()).hasSize(1);
  }

  @Test
  void the_endpoint_closing_cancels_what_is_left() throws Exception {
    try (RawClient whole = client().send(RawClient.post(TEXT, "{" + PROMPT + "}"));
        RawClient stream =
            client().send(RawClient.post(TEXT, "{\"stream\":true," + PROMPT + "}"))) {
      submitted(2);
      served.endpoint.close();
      runtime.generations().forEach(ClientsThatGoAwayTest::cancelled);
      assertThat(whole.readAll()).isEmpty();
      assertThat(stream.readAll()).doesNotContain("[DONE]");
    }
  }

  @Test
  void many_clients_that_go_at_random_leave_nothing_running() throws Exception {
    List<EchoGeneration> all = runtime.generations();
    steps.release(Integer.MAX_VALUE / 2);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    try (var clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 60; i++) {
        boolean stream = random.nextBoolean();
        int patience = random.nextInt(20);
        var _ = clients.submit(() -> goAway(stream, patience));
      }
    }
    Eventually.holds("all ended (seed " + seed + ")", () -> all.stream().allMatch(g -> g.ended()));
    Eventually.holds(
        "no thread is left (seed " + seed + ")",
        () -> all.stream().noneMatch(g -> g.maker().isAlive()));
    assertThat(served.post(TEXT, "{\"prompt\":\"ab\"}").statusCode()).isEqualTo(200);
  }

  private Void goAway(boolean stream, int patience) throws Exception {
    try (RawClient client = client()) {
      client.send(RawClient.post(TEXT, "{\"stream\":" + stream + "," + PROMPT + "}"));
      Thread.sleep(patience);
    }
    return null;
  }
}

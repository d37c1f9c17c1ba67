package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.testkit.models.MiniLm;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code serval serve} as a process: how it begins and how it ends. */
final class ServeTest {
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  @Test
  void it_is_ready_once_it_tells_its_address_and_ends_in_order_when_asked_to() throws Exception {
    try (ServeProcess serve = ServeProcess.start()) {
      assertThat(status(serve.base(), "/ready")).isEqualTo(200);
      assertThat(status(serve.base(), "/metrics")).isEqualTo(200);
      serve.signal("TERM");

      assertThat(serve.exit()).isZero();
      assertThat(serve.out()).contains("devices", "cpu:0", "serving demo at http://127.0.0.1:");
      assertThat(serve.err()).startsWith("serval: ending").hasLineCount(1);
    }
  }

  @Test
  void an_embedding_model_is_served_beside_the_one_that_generates(@TempDir Path models)
      throws Exception {
    Path minilm = MiniLm.unpack(models);
    try (ServeProcess serve = ServeProcess.start("--embeddings", minilm.toString())) {
      HttpRequest request =
          HttpRequest.newBuilder(serve.base().resolve("/v1/embeddings"))
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofString("{\"input\":\"hello\"}"))
              .build();
      var answer = client.send(request, BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      assertThat(answer.body()).contains("\"model\":\"minilm\"", "\"prompt_tokens\":3");
      serve.signal("TERM");

      assertThat(serve.exit()).isZero();
      assertThat(serve.out()).contains("384 dimensions", "serving demo, minilm at http://");
      assertThat(serve.err()).hasLineCount(1);
    }
  }

  @Test
  void a_request_under_way_is_answered_before_it_ends_unless_it_is_told_twice() throws Exception {
    try (ServeProcess serve = ServeProcess.start("--grace", "600")) {
      var answer = client.sendAsync(endless(serve.base()), BodyHandlers.ofLines());
      assertThat(answer.get().statusCode()).isEqualTo(200);

      serve.signal("INT");
      while (status(serve.base(), "/ready") == 200) {
        Thread.onSpinWait();
      }
      assertThat(status(serve.base(), "/health")).isEqualTo(200);

      serve.signal("INT");
      assertThat(serve.exit()).isEqualTo(130);
    }
  }

  @Test
  void a_port_that_is_taken_is_said_in_a_sentence_before_anything_is_loaded() throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      CommandRun run =
          CommandRun.of(
              "serve", "--host", "0.0.0.0", "--port", String.valueOf(taken.getLocalPort()));

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.err())
          .startsWith("serval: cannot listen on port " + taken.getLocalPort())
          .contains("choose another with --port")
          .hasLineCount(1);
    }
  }

  private int status(URI base, String path) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(base.resolve(path)).build();
    return client.send(request, BodyHandlers.discarding()).statusCode();
  }

  /** More than any buffer holds, and nobody reads on. */
  private static HttpRequest endless(URI base) {
    return HttpRequest.newBuilder(base.resolve("/v1/completions"))
        .header("Content-Type", "application/json")
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"prompt\":\"A\",\"n\":128,\"max_tokens\":1000,\"ignore_eos\":true,\"stream\":true}"))
        .build();
  }
}

package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
final class HttpTargetTest {
  private static final Workload.Request REQUEST = new Workload.Request(0, List.of(3, 4, 5), 2);

  private HttpServer server;

  @BeforeEach
  void startServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answering("/v1/models", 200, "{\"data\":[{\"id\":\"first\"},{\"id\":\"second\"}]}");
    server.start();
  }

  @AfterEach
  void stopServer() {
    server.stop(0);
  }

  @Test
  void an_answer_is_followed_to_its_end() throws Exception {
    answering(
        "/v1/completions",
        200,
        """
        data: {"choices":[{"text":"a ner"}]}

        data: {"choices":[{"text":"ve","finish_reason":"length"}]}

        data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}

        data: [DONE]

        """);

    Outcome outcome = outcome();

    assertThat(outcome.text()).isEqualTo("a nerve");
    assertThat(outcome.chunks()).hasSize(2);
    assertThat(outcome.promptTokens()).isEqualTo(3);
    assertThat(outcome.completionTokens()).isEqualTo(2);
  }

  @Test
  void the_first_model_is_asked_unless_one_is_named() throws Exception {
    try (HttpTarget first = new HttpTarget(base(), null);
        HttpTarget named = new HttpTarget(base(), "second")) {
      assertThat(first.model()).isEqualTo("first");
      assertThat(named.model()).isEqualTo("second");
    }
  }

  @Test
  void a_refusal_is_told_in_the_servers_own_words() {
    answering("/v1/completions", 429, "{\"error\":{\"message\":\"too many requests wait\"}}");

    assertThatThrownBy(this::outcome)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("answers 429: too many requests wait");
  }

  @Test
  void an_error_within_the_stream_fails_the_request() {
    answering("/v1/completions", 200, "data: {\"error\":{\"message\":\"it broke\"}}\n\n");

    assertThatThrownBy(this::outcome).isInstanceOf(IOException.class).hasMessage("it broke");
  }

  @Test
  void a_stream_without_an_end_is_no_answer() {
    answering("/v1/completions", 200, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n");

    assertThatThrownBy(this::outcome)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("before its end");
  }

  @Test
  void tokens_for_prompts_come_from_the_servers_tokenizer() throws Exception {
    answering("/tokenize", 200, "{\"count\":4,\"tokens\":[11,12,11,13]}");

    try (HttpTarget target = new HttpTarget(base(), null)) {
      assertThat(target.vocabulary()).containsExactly(11, 12, 13);
    }
  }

  private Outcome outcome() throws IOException, InterruptedException {
    try (HttpTarget target = new HttpTarget(base(), null)) {
      Stopwatch stopwatch = new Stopwatch(System::nanoTime, System.nanoTime(), 0, 0);
      target.answer(REQUEST, stopwatch);
      return stopwatch.end("");
    }
  }

  private URI base() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
  }

  private void answering(String path, int status, String body) {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    server.createContext(
        path,
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          exchange.sendResponseHeaders(status, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
  }
}

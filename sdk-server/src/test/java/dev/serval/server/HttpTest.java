package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoRuntime;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class HttpTest {
  private static final String TEXT = "/v1/completions";

  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  private RawClient client() throws Exception {
    return new RawClient(served.endpoint.port());
  }

  private static String stream(String prompt) {
    return RawClient.post(TEXT, "{\"stream\":true,\"prompt\":\"" + prompt + "\"}");
  }

  @Test
  void one_connection_serves_many_requests_errors_and_streams_included() throws Exception {
    try (RawClient client = client()) {
      for (int i = 0; i < 3; i++) {
        assertThat(client.send(RawClient.post(TEXT, "{")).readUntil("}}")).contains("400");
        assertThat(client.send(RawClient.post(TEXT, "{\"prompt\":\"ab\"}")).readUntil("}}}"))
            .contains("200 OK");
        assertThat(client.send(stream("abc")).readUntil("\r\n0\r\n\r\n")).contains("[DONE]");
        assertThat(client.send("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").readUntil("}}"))
            .contains("404");
      }
    }
  }

  @Test
  void pipelined_requests_are_answered_in_their_order() throws Exception {
    try (RawClient client = client()) {
      client.send(
          stream("first")
              + RawClient.post(TEXT, "{\"prompt\":\"second\"}")
              + RawClient.post(TEXT, "{")
              + "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      String all = client.readAll();
      assertThat(all.indexOf("[DONE]")).isPositive().isLessThan(all.indexOf("\"text\":\"second\""));
      assertThat(all.indexOf("\"text\":\"second\"")).isLessThan(all.indexOf("invalid_json"));
      assertThat(all.indexOf("invalid_json")).isLessThan(all.indexOf("alive"));
    }
  }

  @Test
  void older_clients_get_streams_that_end_with_the_connection() throws Exception {
    try (RawClient client = client()) {
      client.send(stream("ab").replace("HTTP/1.1", "HTTP/1.0"));
      assertThat(client.readAll()).contains("data: {").endsWith("data: [DONE]\n\n");
    }
  }

  @Test
  void a_client_that_expects_to_be_told_to_go_on_is_told() throws Exception {
    try (RawClient client = client()) {
      String request = RawClient.post(TEXT, "{\"prompt\":\"ab\"}");
      int body = request.indexOf("\r\n\r\n");
      client.send(request.substring(0, body) + "\r\nexpect: 100-continue\r\n\r\n");
      assertThat(client.readUntil("\r\n\r\n")).contains("100 Continue");
      assertThat(client.send(request.substring(body + 4)).readUntil("}}}")).contains("200 OK");
    }
  }

  @Test
  void heads_have_no_body_and_options_say_what_is_allowed() throws Exception {
    for (String path : new String[] {"/v1/models", "/v1/models/echo", "/health", "/ready"}) {
      HttpResponse<String> head =
          served.send(served.request(path).method("HEAD", HttpRequest.BodyPublishers.noBody()));
      assertThat(head.statusCode()).as(path).isEqualTo(200);
      assertThat(head.body()).isEmpty();
    }
    HttpResponse<String> options =
        served.send(served.request(TEXT).method("OPTIONS", HttpRequest.BodyPublishers.noBody()));
    assertThat(options.statusCode()).isEqualTo(204);
    assertThat(options.headers().firstValue("allow")).hasValue("POST, OPTIONS");
  }

  @Test
  void malformed_requests_and_paths_are_refused() throws Exception {
    try (RawClient client = client()) {
      assertThat(client.send("GARBAGE\r\n\r\n").readAll()).contains("400");
    }
    try (RawClient client = client()) {
      client.send("GET /v1/models/%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      assertThat(client.readAll()).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void http_2_is_spoken_too() throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + served.endpoint.port() + TEXT);
    try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build()) {
      for (int i = 0; i < 3; i++) {
        HttpResponse<String> response =
            client.send(
                HttpRequest.newBuilder(uri)
                    .header("content-type", "application/json")
                    .POST(
                        HttpRequest.BodyPublishers.ofString("{\"prompt\":\"ab\",\"stream\":true}"))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
        assertThat(response.body()).endsWith("data: [DONE]\n\n");
      }
    }
  }
}

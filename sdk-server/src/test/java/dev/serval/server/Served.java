package dev.serval.server;

import dev.serval.api.ServingRuntime;
import dev.serval.server.echo.EchoRuntime;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * An endpoint over a runtime, and a client of it.
 *
 * @param <R> the kind of runtime
 */
final class Served<R extends ServingRuntime> implements AutoCloseable {
  private static final JsonMapper MAPPER = new JsonMapper();

  final R runtime;
  final HttpEndpoint endpoint;
  private final HttpClient client;

  static Served<EchoRuntime> echo() {
    return new Served<>(new EchoRuntime(64, 1024), builder -> builder);
  }

  Served(R runtime, UnaryOperator<HttpEndpoint.Builder> settings) {
    this.runtime = runtime;
    this.endpoint = settings.apply(HttpEndpoint.builder(runtime).port(0)).start();
    this.client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + endpoint.port() + path))
        .timeout(Duration.ofSeconds(60));
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send(request(path));
  }

  HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
    return send(
        request(path)
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  /** The answer to a body that must be right. */
  JsonNode answer(String path, String body) throws IOException, InterruptedException {
    HttpResponse<String> response = post(path, body);
    if (response.statusCode() != 200) {
      throw new AssertionError(response.statusCode() + ": " + response.body());
    }
    return json(response.body());
  }

  /** The data of a stream's events, without the last, which must say that it is done. */
  List<JsonNode> events(String path, String body) throws IOException, InterruptedException {
    HttpResponse<String> response = post(path, body);
    if (!response.body().endsWith("data: [DONE]\n\n")) {
      throw new AssertionError(response.statusCode() + ": " + response.body());
    }
    return events(response.body());
  }

  static List<JsonNode> events(String stream) {
    return stream
        .lines()
        .filter(line -> line.startsWith("data: ") && !line.equals("data: [DONE]"))
        .map(line -> json(line.substring("data: ".length())))
        .toList();
  }

  static JsonNode json(String text) {
    return MAPPER.readTree(text);
  }

  @Override
  public void close() {
    client.close();
    endpoint.close();
    runtime.close();
  }
}

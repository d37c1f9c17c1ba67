package dev.serval.command.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A server that speaks OpenAI's completions, with vLLM's {@code ignore_eos} and {@code /tokenize}.
 * Prompts are sent as token ids, so both sides agree on their length.
 */
public final class HttpTarget implements Target {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final String DATA = "data:";
  private static final String WORDS =
      """
      A river is a large natural stream of water. The morning light came through the window and fell \
      on an old wooden table where three books, a cup and a small key were lying. Nobody knew who had \
      left them there, but everyone agreed that the door had been closed since early autumn. Farther \
      north, beyond the hills, people build boats, trade wool for salt, and teach their children to \
      read the stars. What does it mean to travel without a map? One answer is patience; another is \
      to ask the way, often, and to listen carefully when somebody gives it.\
      """;

  private final JsonMapper json = JsonMapper.builder().build();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(PATIENCE)
          .executor(threads)
          .build();
  private final URI base;
  private final String model;

  /**
   * Greets a server.
   *
   * @param base its address, without {@code /v1}
   * @param model the model to ask for; null for the first one it serves
   * @throws IOException when it does not answer, or serves no model
   * @throws InterruptedException when the thread is interrupted
   */
  public HttpTarget(URI base, @Nullable String model) throws IOException, InterruptedException {
    this.base = base;
    try {
      this.model = model == null ? firstModel() : model;
    } catch (IOException e) {
      close();
      throw e instanceof ConnectException ? new IOException("no server answers at " + base, e) : e;
    }
  }

  private String firstModel() throws IOException, InterruptedException {
    JsonNode models = read(HttpRequest.newBuilder(at("/v1/models")).timeout(PATIENCE).build());
    JsonNode id = models.path("data").path(0).path("id");
    if (!id.isString()) {
      throw new IOException(at("/v1/models") + " lists no model: " + models);
    }
    return id.stringValue();
  }

  @Override
  public String model() {
    return model;
  }

  @Override
  public String backend() {
    return "openai";
  }

  @Override
  public int[] vocabulary() throws IOException, InterruptedException {
    JsonNode tokens =
        read(post(
                "/tokenize", Map.of("model", model, "prompt", WORDS, "add_special_tokens", false)))
            .path("tokens");
    int[] ids =
        tokens
            .valueStream()
            .filter(JsonNode::isInt)
            .mapToInt(JsonNode::intValue)
            .distinct()
            .toArray();
    if (ids.length == 0) {
      throw new IOException(at("/tokenize") + " gives no tokens to make prompts of");
    }
    return ids;
  }

  @Override
  public void answer(Workload.Request request, Stopwatch stopwatch)
      throws IOException, InterruptedException {
    HttpResponse<Stream<String>> response =
        client.send(post("/v1/completions", body(request)), BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      if (response.statusCode() != 200) {
        throw refusal("/v1/completions", response.statusCode(), String.join("\n", lines.toList()));
      }
      Iterator<String> events = lines.filter(line -> line.startsWith(DATA)).iterator();
      boolean done = false;
      while (!done && events.hasNext()) {
        done = follow(events.next().substring(DATA.length()).strip(), stopwatch);
      }
      if (!done) {
        throw new IOException("the stream ended before its end was announced");
      }
    } catch (UncheckedIOException e) {
      throw new IOException("the stream broke off: " + e.getMessage(), e);
    }
  }

  private Map<String, Object> body(Workload.Request request) {
    return Map.of(
        "model",
        model,
        "prompt",
        request.prompt(),
        "max_tokens",
        request.outputTokens(),
        "temperature",
        0,
        "ignore_eos",
        true,
        "stream",
        true,
        "stream_options",
        Map.of("include_usage", true));
  }

  /** Takes one event; true if it was the last. */
  private boolean follow(String event, Stopwatch stopwatch) throws IOException {
    if (event.equals("[DONE]")) {
      return true;
    }
    JsonNode chunk = parse(event);
    if (chunk.has("error")) {
      throw new IOException(chunk.path("error").path("message").asString(event));
    }
    JsonNode choice = chunk.path("choices").path(0);
    if (!choice.isMissingNode()) {
      stopwatch.chunk(choice.path("text").asString(""));
    }
    JsonNode usage = chunk.path("usage");
    if (usage.isObject()) {
      stopwatch.usage(
          usage.path("prompt_tokens").asInt(0), usage.path("completion_tokens").asInt(0));
    }
    return false;
  }

  private HttpRequest post(String path, Map<String, Object> body) {
    return HttpRequest.newBuilder(at(path))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(json.writeValueAsString(body)))
        .build();
  }

  private JsonNode read(HttpRequest request) throws IOException, InterruptedException {
    HttpResponse<String> response = client.send(request, BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw refusal(request.uri().getPath(), response.statusCode(), response.body());
    }
    return parse(response.body());
  }

  private IOException refusal(String path, int status, String body) {
    String message = body.strip();
    try {
      message = json.readTree(body).path("error").path("message").asString(message);
    } catch (JacksonException e) {
      message = message.isEmpty() ? "no reason given" : message;
    }
    return new IOException(at(path) + " answers " + status + ": " + message);
  }

  private JsonNode parse(String text) throws IOException {
    try {
      return json.readTree(text);
    } catch (JacksonException e) {
      throw new IOException("the server sent what is no JSON: " + text, e);
    }
  }

  private URI at(String path) {
    return URI.create(base.toString().replaceFirst("/+$", "") + path);
  }

  @Override
  public void close() {
    client.shutdownNow();
    client.close();
    threads.close();
  }
}

package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Timeline;
import dev.serval.runtime.Serval;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A served model on the real clock: next to nothing of an answer's time is unexplained. */
@Tag("slow")
final class ExplainedAnswersTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String BODY =
      """
      {"model": "demo", "explain": true, "max_tokens": 256, "ignore_eos": true,
       "prompt": "A nerve is a bundle of"}
      """;

  @Test
  void ninety_nine_hundredths_of_the_time_are_attributed() throws Exception {
    try (ServeProcess serve = ServeProcess.start();
        HttpClient client = HttpClient.newHttpClient()) {
      List<Double> attributed = new ArrayList<>();
      for (int i = 0; i < 15; i++) {
        attributed.add(timeline(serve, client).get("attributed").doubleValue());
      }

      assertThat(median(attributed)).isGreaterThanOrEqualTo(0.99);
    }
  }

  @Test
  void of_what_the_caller_of_a_long_answer_waits_ninety_nine_hundredths_are_attributed() {
    GenerationRequest request =
        GenerationRequest.builder(Prompt.text("A nerve is a bundle of"))
            .maxTokens(1000)
            .ignoreEos(true)
            .explained(true)
            .build();
    try (ServingRuntime runtime = Serval.builder().model(ServeProcess.DEMO).build()) {
      List<Double> attributed = new ArrayList<>();
      for (int i = 0; i < 15; i++) {
        long begin = System.nanoTime();
        Timeline timeline = timeline(runtime, request);
        double waited = System.nanoTime() - begin;
        attributed.add(timeline.attributed() * timeline.total().toNanos() / waited);
      }

      assertThat(median(attributed)).isBetween(0.99, 1.0);
    }
  }

  private static Timeline timeline(ServingRuntime runtime, GenerationRequest request) {
    try (Generation generation = runtime.submit(request)) {
      return generation.result().toCompletableFuture().join().timelines().getFirst();
    }
  }

  private static double median(List<Double> shares) {
    Collections.sort(shares);
    return shares.get(shares.size() / 2);
  }

  private static JsonNode timeline(ServeProcess serve, HttpClient client) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(serve.base().resolve("/v1/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(BODY))
            .build();
    String body = client.send(request, BodyHandlers.ofString()).body();
    JsonNode timelines = JSON.readTree(body).at("/usage/timelines");
    assertThat(timelines).as(body).hasSize(1);
    return timelines.get(0);
  }
}

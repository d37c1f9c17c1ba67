package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The served demo model gives the very answers of its examples, alone and among others. */
@Tag("slow")
final class ServedAnswersTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private static ServeProcess serve;
  private static HttpClient client;
  private static List<Examples.Example> examples;

  @BeforeAll
  static void start() throws IOException {
    serve = ServeProcess.start("--kv-dtype", "F32");
    client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    examples = Examples.all();
  }

  @AfterAll
  static void stop() {
    client.close();
    serve.close();
  }

  @Test
  void one_client_gets_the_answer_of_every_example() throws Exception {
    assertThat(examples).hasSize(391);
    for (Examples.Example example : examples) {
      assertThat(answer(example.question())).as(example.question()).isEqualTo(example.answer());
    }
  }

  @Test
  void sixteen_clients_at_once_get_the_same_answers() throws Exception {
    long seed = System.nanoTime();
    List<Examples.Example> shuffled = new ArrayList<>(examples);
    Collections.shuffle(shuffled, new Random(seed));
    try (ExecutorService clients = Executors.newFixedThreadPool(16)) {
      List<Future<String>> answers =
          shuffled.stream().map(e -> clients.submit(() -> answer(e.question()))).toList();
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).get())
            .as("%s (seed %d)", shuffled.get(i).question(), seed)
            .isEqualTo(shuffled.get(i).answer());
      }
    }
  }

  private static String answer(String question) throws Exception {
    URI base = serve.base();
    Map<String, Object> body =
        Map.of(
            "messages", List.of(Map.of("role", "user", "content", question)),
            "temperature", 0,
            "max_tokens", 80);
    HttpRequest request =
        HttpRequest.newBuilder(base.resolve("/v1/chat/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body)))
            .build();
    JsonNode answer = JSON.readTree(client.send(request, BodyHandlers.ofString()).body());
    return answer.at("/choices/0/message/content").asString();
  }
}

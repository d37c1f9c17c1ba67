package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.runtime.ModelSource;
import dev.serval.runtime.Serval;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The bundled model behind the endpoint gives the very answers that came with it. */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class DemoModelTest {
  private static final Path WEIGHTS = Path.of("..", "samples", "demo-model", "weights");
  private static final String CHAT = "/v1/chat/completions";
  private static final int CLIENTS = 16;

  private final JsonMapper mapper = new JsonMapper();
  private List<JsonNode> examples;
  private Served<ServingRuntime> served;

  @BeforeAll
  void serve() throws Exception {
    examples =
        mapper.readTree(Files.readString(WEIGHTS.resolve("examples.json"))).valueStream().toList();
    served =
        new Served<>(
            Serval.builder()
                .model(ModelSource.of(WEIGHTS).withNames("demo"))
                .kvDtype(DType.F32)
                .build(),
            endpoint -> endpoint);
  }

  @AfterAll
  void close() {
    served.close();
  }

  private String body(JsonNode example, boolean stream) {
    return mapper.writeValueAsString(
        Map.of(
            "stream",
            stream,
            "temperature",
            0,
            "messages",
            List.of(Map.of("role", "user", "content", example.get("question").stringValue()))));
  }

  private String whole(JsonNode example) throws Exception {
    return served.answer(CHAT, body(example, false)).at("/choices/0/message/content").stringValue();
  }

  private String streamed(JsonNode example) throws Exception {
    return served.events(CHAT, body(example, true)).stream()
        .map(event -> event.at("/choices/0/delta/content").asString(""))
        .collect(Collectors.joining());
  }

  @Test
  void one_client_gets_the_examples_answers() throws Exception {
    assertThat(examples).hasSizeGreaterThan(300);
    for (JsonNode example : examples) {
      assertThat(whole(example))
          .as(example.get("question").stringValue())
          .isEqualTo(example.get("answer").stringValue());
    }
  }

  @Test
  void sixteen_clients_at_once_get_the_same_answers() throws Exception {
    try (ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
      List<Future<Void>> shares = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        int share = i;
        shares.add(clients.submit(() -> ask(share)));
      }
      for (Future<Void> share : shares) {
        share.get();
      }
    }
  }

  private Void ask(int share) throws Exception {
    for (int i = share; i < examples.size(); i += CLIENTS) {
      JsonNode example = examples.get(i);
      assertThat(i / CLIENTS % 2 == 0 ? streamed(example) : whole(example))
          .as(example.get("question").stringValue())
          .isEqualTo(example.get("answer").stringValue());
    }
    return null;
  }
}

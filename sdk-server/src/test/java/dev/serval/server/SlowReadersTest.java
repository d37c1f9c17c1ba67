package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoGeneration;
import dev.serval.server.echo.EchoRuntime;
import io.vertx.core.http.HttpServerOptions;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

final class SlowReadersTest {
  private static final int TOKENS = 10_000;
  private static final String LONG =
      "{\"prompt\":\"abcdefghij\",\"ignore_eos\":true,\"stream\":true,\"max_tokens\":"
          + TOKENS
          + "}";
  private static final int SMALL = 4096;

  private Served<EchoRuntime> served;

  @BeforeEach
  void serve() {
    served =
        new Served<>(
            new EchoRuntime(64, 64),
            endpoint -> endpoint.http(new HttpServerOptions().setSendBufferSize(SMALL)));
  }

  @AfterEach
  void close() {
    served.close();
  }

  @Test
  void a_client_that_does_not_read_pauses_its_own_generation_and_no_other() throws Exception {
    try (RawClient slow = new RawClient(served.endpoint.port(), SMALL)) {
      slow.send(RawClient.post("/v1/completions", LONG));
      slow.readUntil("\"text\":\"c\"");
      EchoGeneration paused = served.runtime.last();
      int steps = standstill(paused);
      assertThat(steps).isLessThan(TOKENS / 4);

      List<JsonNode> other = served.events("/v1/completions", LONG);
      assertThat(other).hasSize(TOKENS);
      assertThat(paused.steps()).isEqualTo(steps);

      String rest = slow.readUntil("data: [DONE]\n\n");
      assertThat(rest.lines().filter(line -> line.startsWith("data: {")))
          .hasSizeGreaterThan(TOKENS - 5);
      assertThat(paused.steps()).isEqualTo(TOKENS);
    }
  }

  /** Waits until whoever makes a generation has waited for its reader for a while. */
  private static int standstill(EchoGeneration generation) throws InterruptedException {
    int steps = -1;
    for (int looks = 0; looks < 20; looks++) {
      Thread.sleep(50);
      if (generation.steps() != steps || generation.maker().getState() != Thread.State.WAITING) {
        steps = generation.steps();
        looks = 0;
      }
    }
    return steps;
  }

  @Test
  void what_a_slow_reader_gets_is_whole_and_in_order() throws Exception {
    try (RawClient slow = new RawClient(served.endpoint.port(), SMALL)) {
      slow.send(RawClient.post("/v1/completions", LONG.replace(TOKENS + "", "3000")));
      slow.readUntil("\r\n\r\n");
      standstill(served.runtime.last());
      String text =
          Served.events(slow.readUntil("data: [DONE]\n\n")).stream()
              .map(e -> e.at("/choices/0/text").stringValue())
              .collect(Collectors.joining());
      assertThat(text).isEqualTo("abcdefghij".repeat(300));
    }
  }

  @Test
  void a_paused_client_that_goes_away_is_cancelled() throws Exception {
    try (RawClient slow = new RawClient(served.endpoint.port(), SMALL)) {
      slow.send(RawClient.post("/v1/completions", LONG));
      slow.readUntil("\"text\":\"c\"");
      standstill(served.runtime.last());
    }
    Eventually.holds("it was cancelled", () -> served.runtime.last().ended());
    assertThat(served.runtime.last().closed()).isTrue();
  }
}

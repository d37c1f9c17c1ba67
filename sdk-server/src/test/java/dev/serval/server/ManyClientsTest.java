package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoGeneration;
import dev.serval.server.echo.EchoRuntime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class ManyClientsTest {
  private static final int CLIENTS = 24;
  private static final int ROUNDS = 10;

  @Test
  void each_of_many_clients_gets_its_own_answers() throws Exception {
    try (Served<EchoRuntime> served = Served.echo();
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
      List<Future<Void>> done = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        int client = i;
        done.add(clients.submit(() -> talk(served, client)));
      }
      for (Future<Void> one : done) {
        one.get();
      }
      assertThat(served.runtime.generations())
          .hasSize(CLIENTS * ROUNDS)
          .allMatch(EchoGeneration::ended);
    }
  }

  private static Void talk(Served<EchoRuntime> served, int client) throws Exception {
    for (int round = 0; round < ROUNDS; round++) {
      String said = "client " + client + " round " + round + " " + "x".repeat(client);
      Callable<String> answer =
          round % 2 == 0 ? () -> whole(served, said) : () -> streamed(served, said);
      assertThat(answer.call()).isEqualTo(said);
    }
    return null;
  }

  private static String body(String said, boolean stream) {
    return "{\"stream\":"
        + stream
        + ",\"messages\":[{\"role\":\"user\",\"content\":\""
        + said
        + "\"}]}";
  }

  private static String whole(Served<EchoRuntime> served, String said) throws Exception {
    return served
        .answer("/v1/chat/completions", body(said, false))
        .at("/choices/0/message/content")
        .stringValue();
  }

  private static String streamed(Served<EchoRuntime> served, String said) throws Exception {
    return served.events("/v1/chat/completions", body(said, true)).stream()
        .map(e -> e.at("/choices/0/delta/content").asString(""))
        .collect(Collectors.joining());
  }
}

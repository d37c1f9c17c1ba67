package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.Bytes;
import dev.serval.api.ServingRuntime;
import dev.serval.api.compute.DType;
import dev.serval.runtime.Serval;
import dev.serval.runtime.ServingRuntimeBuilder;
import dev.serval.testkit.models.Oracle;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** Real checkpoints behind the endpoint: what a client gets is what the reference computes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class OracleServingTest {
  private static final String TEXT = "/v1/completions";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private Served<ServingRuntime> served;

  @BeforeAll
  void serve(@TempDir Path folder) throws Exception {
    ServingRuntimeBuilder builder =
        Serval.builder().kvDtype(DType.F32).kvBudget(Bytes.mebi(16)).meters(registry).threads(2);
    for (Oracle oracle : Oracle.all()) {
      builder.model(oracle.folder(folder));
    }
    served = new Served<>(builder.build(), endpoint -> endpoint.metrics(registry));
  }

  @AfterAll
  void close() {
    served.close();
  }

  static List<Oracle> oracles() {
    return Oracle.all();
  }

  private static String body(Oracle oracle, String prompt, boolean stream) {
    return """
    {"model":"%s","prompt":%s,"stream":%b,"max_tokens":%d,"temperature":0,"ignore_eos":true,
     "return_token_ids":true}
    """
        .formatted(oracle.name(), prompt, stream, oracle.greedy().getFirst().length);
  }

  private static String prompt(Oracle oracle, int i) {
    return Arrays.toString(oracle.prompts().get(i));
  }

  private static List<Integer> answer(Oracle oracle, int i) {
    return Arrays.stream(oracle.greedy().get(i)).boxed().toList();
  }

  private static List<Integer> ids(JsonNode tokenIds) {
    return tokenIds.valueStream().map(JsonNode::intValue).toList();
  }

  private List<Integer> whole(Oracle oracle, int i) throws Exception {
    JsonNode answer = served.answer(TEXT, body(oracle, prompt(oracle, i), false));
    return ids(answer.at("/choices/0/token_ids"));
  }

  private List<Integer> streamed(Oracle oracle, int i) throws Exception {
    return served.events(TEXT, body(oracle, prompt(oracle, i), true)).stream()
        .flatMap(event -> ids(event.at("/choices/0/token_ids")).stream())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void each_prompt_has_its_greedy_tokens_whole_and_streamed(Oracle oracle) throws Exception {
    for (int i = 0; i < oracle.prompts().size(); i++) {
      assertThat(whole(oracle, i)).isEqualTo(answer(oracle, i));
      assertThat(streamed(oracle, i)).isEqualTo(answer(oracle, i));
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void all_prompts_in_one_request_have_theirs(Oracle oracle) throws Exception {
    String prompts =
        IntStream.range(0, oracle.prompts().size())
            .mapToObj(i -> prompt(oracle, i))
            .collect(Collectors.joining(",", "[", "]"));
    JsonNode choices = served.answer(TEXT, body(oracle, prompts, false)).get("choices");
    for (int i = 0; i < oracle.prompts().size(); i++) {
      assertThat(ids(choices.get(i).get("token_ids"))).isEqualTo(answer(oracle, i));
      assertThat(ids(choices.get(i).get("prompt_token_ids")))
          .containsExactly(Arrays.stream(oracle.prompts().get(i)).boxed().toArray(Integer[]::new));
    }
  }

  @Test
  void many_clients_among_others_that_go_away_get_the_same_tokens_and_nothing_is_left_behind()
      throws Exception {
    long seed = System.nanoTime();
    try (ExecutorService clients = Executors.newFixedThreadPool(16)) {
      List<Future<Void>> talks = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        Random random = new Random(seed + i);
        talks.add(clients.submit(() -> talk(random)));
      }
      for (Future<Void> talk : talks) {
        talk.get();
      }
    } catch (ExecutionException failure) {
      throw new AssertionError("seed " + seed, failure);
    }
    Eventually.holds("nothing runs", () -> gauge("serval_engine_running") == 0);
    Eventually.holds("no block is held", () -> gauge("serval_kv_blocks_used") == 0);
  }

  private Void talk(Random random) throws Exception {
    for (int round = 0; round < 6; round++) {
      Oracle oracle = Oracle.all().get(random.nextInt(Oracle.all().size()));
      int prompt = random.nextInt(oracle.prompts().size());
      switch (random.nextInt(3)) {
        case 0 -> assertThat(whole(oracle, prompt)).isEqualTo(answer(oracle, prompt));
        case 1 -> assertThat(streamed(oracle, prompt)).isEqualTo(answer(oracle, prompt));
        default -> goAway(body(oracle, prompt(oracle, prompt), random.nextBoolean()), random);
      }
    }
    return null;
  }

  private void goAway(String body, Random random) throws Exception {
    try (RawClient client = new RawClient(served.endpoint.port())) {
      client.send(RawClient.post(TEXT, body));
      Thread.sleep(random.nextInt(10));
    }
  }

  private double gauge(String name) {
    return registry
        .scrape()
        .lines()
        .filter(line -> line.startsWith(name + "{"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  @Test
  void logprobs_are_those_of_the_reference() throws Exception {
    Oracle oracle = Oracle.named("llama");
    JsonNode answer =
        served.answer(
            TEXT,
            """
            {"model":"llama","prompt":%s,"max_tokens":1,"temperature":0,"logprobs":3}
            """
                .formatted(prompt(oracle, 0)));
    assertThat(answer.at("/choices/0/logprobs/token_logprobs/0").doubleValue())
        .isCloseTo(logSoftmaxOfLargest(oracle.logits().getFirst()), within(1e-3));
  }

  private static double logSoftmaxOfLargest(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - largest);
    }
    return -Math.log(sum);
  }

  @Test
  void a_prompt_met_before_is_found_in_the_cache() throws Exception {
    Oracle oracle = Oracle.named("qwen3");
    int longest = 0;
    for (int i = 0; i < oracle.prompts().size(); i++) {
      longest = oracle.prompts().get(i).length > oracle.prompts().get(longest).length ? i : longest;
    }
    whole(oracle, longest);
    JsonNode again = served.answer(TEXT, body(oracle, prompt(oracle, longest), false));
    int expected = (oracle.prompts().get(longest).length - 1) / 16 * 16;
    assertThat(again.at("/usage/prompt_tokens_details/cached_tokens").intValue())
        .isEqualTo(expected);
  }

  @Test
  void what_the_model_cannot_take_is_the_clients_fault() throws Exception {
    String model = "\"model\":\"llama\",";
    int length = Served.json(served.get("/v1/models/llama").body()).get("max_model_len").intValue();
    String tooLong = Arrays.toString(IntStream.range(0, length).map(i -> 5).toArray());
    String[] bodies = {
      "{" + model + "\"prompt\":[1,99999999]}",
      "{" + model + "\"prompt\":[-1]}",
      "{" + model + "\"prompt\":\"a\",\"logit_bias\":{\"99999999\":1}}",
      "{" + model + "\"prompt\":\"a\",\"stop_token_ids\":[-5]}",
      "{" + model + "\"prompt\":\"a\",\"max_tokens\":2147483647}",
      "{" + model + "\"prompt\":" + tooLong + "}",
    };
    for (String body : bodies) {
      assertThat(served.post(TEXT, body).statusCode()).as(body).isEqualTo(400);
    }
    assertThat(Served.json(served.post(TEXT, bodies[5]).body()).at("/error/code").stringValue())
        .isEqualTo("context_length_exceeded");
    assertThat(served.post("/detokenize", "{" + model + "\"tokens\":[99999999]}").statusCode())
        .isEqualTo(400);
    assertThat(served.post("/detokenize", "{" + model + "\"tokens\":[-1]}").statusCode())
        .isEqualTo(400);
  }

  @Test
  void a_prompt_that_leaves_less_room_than_the_default_limit_is_continued_to_the_end()
      throws Exception {
    int length = Served.json(served.get("/v1/models/llama").body()).get("max_model_len").intValue();
    String prompt = Arrays.toString(IntStream.range(0, length - 3).map(i -> 5).toArray());
    JsonNode answer =
        served.answer(TEXT, "{\"model\":\"llama\",\"ignore_eos\":true,\"prompt\":" + prompt + "}");
    assertThat(answer.at("/usage/completion_tokens").intValue()).isEqualTo(3);
    assertThat(answer.at("/choices/0/finish_reason").stringValue()).isEqualTo("length");
  }

  @Test
  void tokens_go_to_text_and_back() throws Exception {
    String text = "A Ünïcode 🌍 text.";
    JsonNode tokens =
        served.answer(
            "/tokenize",
            "{\"model\":\"llama\",\"add_special_tokens\":false,\"prompt\":\"" + text + "\"}");
    JsonNode back =
        served.answer(
            "/detokenize", "{\"model\":\"llama\",\"tokens\":" + tokens.get("tokens") + "}");
    assertThat(back.get("prompt").stringValue()).isEqualTo(text);
  }
}

package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.EmbeddingResult;
import dev.serval.api.Quota;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.Tenant;
import dev.serval.server.echo.EchoRuntime;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** {@code POST /v1/embeddings} over vectors that the test makes. */
final class EmbeddingsTest {
  private static final String PATH = "/v1/embeddings";

  private final EchoRuntime runtime = new EchoRuntime(2, 16);
  private Served<EchoRuntime> served = new Served<>(runtime, endpoint -> endpoint);

  @AfterEach
  void close() {
    served.close();
  }

  private CompletableFuture<HttpResponse<String>> post(String body) {
    int before = runtime.embeddings().size();
    CompletableFuture<HttpResponse<String>> response =
        CompletableFuture.supplyAsync(() -> {
          try {
            return served.post(PATH, body);
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    Eventually.holds(
        "the runtime was asked", () -> runtime.embeddings().size() > before || response.isDone());
    return response;
  }

  private CompletableFuture<EmbeddingResult> asked() {
    return runtime.embeddings().getLast();
  }

  private static EmbeddingResult result(float[]... vectors) {
    return new EmbeddingResult("vectors", List.of(vectors), 7, Duration.ofMillis(3));
  }

  @Test
  void vectors_are_answered_as_numbers_with_their_usage() {
    var response = post("{\"input\":[\"a\",\"b\"],\"model\":\"vectors\",\"user\":\"u\"}");
    asked().complete(result(new float[] {1, -0.5f, 0.1f}, new float[] {0, 2, 3e-8f}));
    assertThat(response.join().body())
        .isEqualTo(
            "{\"object\":\"list\",\"data\":["
                + "{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.0,-0.5,0.1]},"
                + "{\"object\":\"embedding\",\"index\":1,\"embedding\":[0.0,2.0,3.0E-8]}],"
                + "\"model\":\"vectors\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
  }

  @Test
  void vectors_are_answered_as_the_bytes_of_little_endian_floats_in_base64() {
    var response = post("{\"input\":\"a\",\"encoding_format\":\"base64\",\"dimensions\":3}");
    asked().complete(result(new float[] {1, -2, 0.5f}));
    JsonNode data = Served.json(response.join().body()).get("data").get(0);
    assertThat(data.get("embedding").stringValue()).isEqualTo("AACAPwAAAMAAAAA/");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "{} | input | is missing",
        "{\"input\":\"\"} | input | a text that is not empty",
        "{\"input\":[]} | input | a string or an array of strings",
        "{\"input\":[\"a\",\"\"]} | input[1] | a text that is not empty",
        "{\"input\":{\"a\":1}} | input | a string or an array of strings",
        "{\"input\":[1,2]} | input | must be texts, not token ids",
        "{\"input\":[[1,2]]} | input | must be texts, not token ids",
        "{\"input\":[\"a\",true]} | input[1] | must be a string",
        "{\"input\":\"a\",\"dimensions\":256} | dimensions | must be 3, which is what",
        "{\"input\":\"a\",\"dimensions\":\"3\"} | dimensions | a whole number",
        "{\"input\":\"a\",\"encoding_format\":\"int8\"} | encoding_format | float or base64",
        "{\"input\":\"a\",\"truncate\":1} | truncate | true or false",
        "{\"input\":\"a\",\"truncate_prompt_tokens\":9} | truncate_prompt_tokens | see truncate",
        "{\"input\":\"a\",\"model\":\"echo\"} | model | 'echo' generates and does not embed; there is vectors",
      })
  void a_body_that_is_wrong_is_refused_by_its_field(String body, String param, String phrase) {
    HttpResponse<String> response = post(body).join();
    assertThat(response.statusCode()).isEqualTo(400);
    JsonNode error = Served.json(response.body()).get("error");
    assertThat(error.get("type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(error.get("param").stringValue()).isEqualTo(param);
    assertThat(error.get("message").stringValue()).contains(phrase);
  }

  @Test
  void more_texts_than_a_request_may_have_and_models_that_are_not_served_are_refused() {
    String many = "{\"input\":[" + "\"a\",".repeat(2048) + "\"a\"]}";
    assertThat(post(many).join().body()).contains("an array of at most 2048 strings");
    var unknown = post("{\"input\":\"a\",\"model\":\"ada\"}").join();
    assertThat(unknown.statusCode()).isEqualTo(404);
    assertThat(unknown.body()).contains("model_not_found", "there is vectors");
  }

  @Test
  void what_the_runtime_says_no_to_is_passed_on() {
    var response = post("{\"input\":\"a\"}");
    asked()
        .completeExceptionally(
            new RequestRejectedException(
                RequestRejectedException.Reason.CLOSING, "the batcher is closed", null));
    assertThat(response.join().statusCode()).isEqualTo(503);
    var failed = post("{\"input\":\"a\"}");
    asked().completeExceptionally(new IllegalStateException("secret"));
    assertThat(failed.join().statusCode()).isEqualTo(500);
    assertThat(failed.join().body()).doesNotContain("secret");
  }

  @Test
  void a_deadline_that_passes_while_texts_wait_is_answered_as_for_a_generation() {
    var late = post("{\"input\":\"a\"}");
    asked()
        .completeExceptionally(
            new RequestRejectedException(
                RequestRejectedException.Reason.DEADLINE, "the deadline passed", null));
    assertThat(late.join().statusCode()).isEqualTo(504);
    assertThat(late.join().headers().firstValue("retry-after")).isEmpty();
    JsonNode error = Served.json(late.join().body()).get("error");
    assertThat(error.get("code").stringValue()).isEqualTo("deadline_exceeded");
    assertThat(error.get("message").stringValue()).isEqualTo("the deadline passed");
  }

  @Test
  void who_asks_is_the_hosts_word() {
    served.endpoint.close();
    Tenant anna = Tenant.of("anna").withQuota(Quota.ofRequests(2));
    OpenAiOptions options =
        OpenAiOptions.builder().tenant(ctx -> anna).timeout(Duration.ofSeconds(9)).build();
    served = new Served<>(runtime, endpoint -> endpoint.options(options));
    var response = post("{\"input\":\"a\"}");
    asked().complete(result(new float[] {1, 2, 3}));
    assertThat(response.join().statusCode()).isEqualTo(200);
    assertThat(runtime.embeddingRequests().getLast().tenant()).isEqualTo(anna);
    assertThat(runtime.embeddingRequests().getLast().deadline()).hasValue(Duration.ofSeconds(9));
  }

  @Test
  void a_client_that_goes_away_takes_its_texts_out() throws Exception {
    RawClient client =
        new RawClient(served.endpoint.port()).send(RawClient.post(PATH, "{\"input\":\"a\"}"));
    Eventually.holds("the runtime was asked", () -> runtime.embeddings().size() == 1);
    client.close();
    Eventually.holds("it was cancelled", () -> asked().isCancelled());
  }

  @Test
  void a_request_that_takes_too_long_is_answered_so_and_cancelled() {
    served.endpoint.close();
    served =
        new Served<>(
            runtime,
            endpoint ->
                endpoint.options(OpenAiOptions.builder().timeout(Duration.ofMillis(500)).build()));
    assertThat(post("{\"input\":\"a\"}").join().statusCode()).isEqualTo(504);
    Eventually.holds("it was cancelled", () -> asked().isCancelled());
  }

  @Test
  void embedding_models_are_listed_after_those_that_generate() throws Exception {
    JsonNode listed = Served.json(served.get("/v1/models").body()).get("data");
    assertThat(listed.get(listed.size() - 1).get("id").stringValue()).isEqualTo("vectors");
    assertThat(served.get("/v1/models/vectors").body()).contains("\"max_model_len\":100");
  }
}

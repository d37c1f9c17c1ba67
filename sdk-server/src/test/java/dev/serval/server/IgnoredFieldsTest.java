package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.EmbeddingResult;
import dev.serval.server.echo.EchoRuntime;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Fields that nobody knows are ignored, and the answer's head says so. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class IgnoredFieldsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  private Optional<String> ignored(String path, String fields) throws Exception {
    return ignored(served.post(path, "{" + fields + "}"));
  }

  private static Optional<String> ignored(HttpResponse<String> response) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    return response.headers().firstValue("x-ignored-fields");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          /v1/chat/completions | "messages":[{"role":"user","content":"Hi"}],
          /v1/chat/completions | "messages":[{"role":"user","content":"Hi"}],"stream":true,
          /v1/completions      | "prompt":"Hi",
          /v1/completions      | "prompt":["a","b"],"stream":true,
          /tokenize            | "prompt":"Hi",
          /detokenize          | "tokens":[72],
          """)
  void a_misspelt_field_is_named_in_the_order_of_the_body(String path, String fields)
      throws Exception {
    assertThat(ignored(path, fields + "\"temprature\":0,\"model\":\"echo\",\"seeed\":1"))
        .hasValue("temprature, seeed");
  }

  @Test
  void a_misspelt_field_of_embeddings_is_named() throws Exception {
    CompletableFuture<HttpResponse<String>> response =
        CompletableFuture.supplyAsync(() -> {
          try {
            return served.post("/v1/embeddings", "{\"input\":\"a\",\"truncat\":true}");
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    Eventually.holds("the runtime was asked", () -> !served.runtime.embeddings().isEmpty());
    served
        .runtime
        .embeddings()
        .getLast()
        .complete(
            new EmbeddingResult("vectors", List.of(new float[] {1}), 1, Duration.ofMillis(1)));
    assertThat(ignored(response.join())).hasValue("truncat");
  }

  @Test
  void fields_that_are_honoured_harmless_or_null_are_not_named() throws Exception {
    assertThat(
            ignored(
                CHAT,
                HI
                    + ",\"model\":\"echo\",\"temperature\":1,\"top_p\":1,\"n\":1,\"stop\":[\"x\"],"
                    + "\"max_completion_tokens\":9,\"logit_bias\":{\"5\":1},\"seed\":1,"
                    + "\"use_beam_search\":false,\"tools\":[],\"stream\":true,"
                    + "\"stream_options\":{\"include_usage\":true},\"explain\":false,"
                    + "\"temprature\":null"))
        .isEmpty();
  }

  @Test
  void the_limit_that_gave_way_to_another_is_named() throws Exception {
    assertThat(ignored(CHAT, HI + ",\"max_completion_tokens\":5,\"max_tokens\":7"))
        .hasValue("max_tokens");
  }

  @Test
  void names_cannot_add_to_the_head_and_long_lists_are_cut() throws Exception {
    assertThat(ignored(CHAT, HI + ",\"a\\r\\nset-cookie: b=c\":1,\"größe\":2"))
        .hasValue("a??set-cookie??b?c, gr??e");
    String many =
        IntStream.range(0, 20).mapToObj(i -> ",\"f" + i + "\":1").collect(Collectors.joining());
    assertThat(ignored(CHAT, HI + many + ",\"" + "x".repeat(5000) + "\":1").orElseThrow())
        .startsWith("f0, f1, ")
        .endsWith("f15, ...");
    assertThat(ignored(CHAT, HI + ",\"" + "x".repeat(5000) + "\":1")).hasValue("x".repeat(40));
  }

  @Test
  void a_request_that_is_refused_names_the_field_at_fault_alone() throws Exception {
    HttpResponse<String> response =
        served.post(CHAT, "{" + HI + ",\"temprature\":0,\"top_p\":\"much\"}");
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(response.headers().firstValue("x-ignored-fields")).isEmpty();
  }
}

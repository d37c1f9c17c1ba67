package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.output.Response;
import dev.langchain4j.store.embedding.CosineSimilarity;
import dev.serval.api.EmbeddingRequest;
import dev.serval.api.ServingRuntime;
import dev.serval.runtime.EmbeddingSource;
import dev.serval.runtime.Serval;
import dev.serval.testkit.models.MiniLm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** all-MiniLM-L6-v2 over HTTP, and LangChain4j's client of OpenAI's embeddings. */
final class RealEmbeddingsTest {
  @TempDir private static Path folder;
  private static Served<ServingRuntime> served;

  @BeforeAll
  static void serve() throws IOException {
    EmbeddingSource source = EmbeddingSource.of(MiniLm.unpack(folder)).withNames("minilm");
    served = new Served<>(Serval.builder().embeddings(source).build(), endpoint -> endpoint);
  }

  @AfterAll
  static void close() {
    served.close();
  }

  private static OpenAiEmbeddingModel client(String model) {
    return OpenAiEmbeddingModel.builder()
        .baseUrl("http://127.0.0.1:" + served.endpoint.port() + "/v1")
        .apiKey("any")
        .modelName(model)
        .maxRetries(0)
        .build();
  }

  @Test
  void langchain4j_gets_the_vectors_of_the_runtime() {
    List<TextSegment> texts =
        Stream.of("How do I reset my password?", "I forgot my login", "The sun shines over Rome")
            .map(TextSegment::from)
            .toList();
    Response<List<Embedding>> response = client("minilm").embedAll(texts);
    List<Embedding> vectors = response.content();
    assertThat(CosineSimilarity.between(vectors.get(0), vectors.get(1))).isGreaterThan(0.5);
    assertThat(CosineSimilarity.between(vectors.get(0), vectors.get(2))).isLessThan(0.2);
    assertThat(response.tokenUsage().inputTokenCount()).isBetween(20, 30);
    float[] direct =
        served.runtime.embed(EmbeddingRequest.of(texts.get(1).text())).join().vectors().getFirst();
    assertThat(vectors.get(1).vector()).containsExactly(direct, within(1e-6f));
  }

  @Test
  void langchain4j_understands_a_refusal() {
    assertThatThrownBy(() -> client("ada").embed("a")).hasMessageContaining("model_not_found");
    assertThatThrownBy(() -> client("minilm").embed("word ".repeat(500)))
        .hasMessageContaining("502 tokens, more than the 128 that the model 'minilm' takes")
        .hasMessageContaining("context_length_exceeded");
  }

  @Test
  void numbers_and_bytes_say_the_same() throws Exception {
    JsonNode numbers = embedding("{\"input\":\"hello\"}");
    JsonNode bytes = embedding("{\"input\":\"hello\",\"encoding_format\":\"base64\"}");
    ByteBuffer floats =
        ByteBuffer.wrap(Base64.getDecoder().decode(bytes.stringValue()))
            .order(ByteOrder.LITTLE_ENDIAN);
    assertThat(numbers.size()).isEqualTo(MiniLm.DIMENSIONS);
    for (JsonNode number : numbers) {
      assertThat((float) number.doubleValue()).isEqualTo(floats.getFloat());
    }
  }

  private static JsonNode embedding(String body) throws Exception {
    return served.answer("/v1/embeddings", body).get("data").get(0).get("embedding");
  }

  @Test
  void a_text_that_is_too_long_is_cut_if_asked_for() throws Exception {
    String longer = "word ".repeat(500);
    JsonNode answer =
        served.answer("/v1/embeddings", "{\"truncate\":true,\"input\":\"" + longer + "\"}");
    assertThat(answer.get("usage").get("prompt_tokens").intValue()).isEqualTo(128);
  }

  @Test
  void there_is_nothing_here_that_generates() throws Exception {
    var response = served.post("/v1/completions", "{\"prompt\":\"a\"}");
    assertThat(response.statusCode()).isEqualTo(404);
    assertThat(served.get("/v1/models").body()).contains("\"id\":\"minilm\"");
    assertThat(served.get("/ready").statusCode()).isEqualTo(200);
  }
}

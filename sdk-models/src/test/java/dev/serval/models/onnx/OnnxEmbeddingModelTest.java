package dev.serval.models.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.model.EmbeddingLimits;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.storage.CheckpointException;
import dev.serval.testkit.models.MiniLm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** all-MiniLM-L6-v2, and folders that hold no such thing. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class OnnxEmbeddingModelTest {
  private static final OnnxEmbeddingModelReader READER = new OnnxEmbeddingModelReader();
  private static final String[] WORDS =
      "the cat of savannah hunts at dusk while rivers carry light and people forget their passwords"
          .split(" ");

  @TempDir private static Path folder;
  private Path minilm;
  private EmbeddingModel model;

  @BeforeAll
  void open() throws IOException {
    minilm = MiniLm.unpack(folder);
    model = READER.open(minilm, limits());
  }

  @AfterAll
  void close() {
    model.close();
  }

  private static EmbeddingLimits limits() {
    return new EmbeddingLimits(2, OptionalInt.empty());
  }

  private static double cosine(float[] one, float[] other) {
    double sum = 0;
    for (int i = 0; i < one.length; i++) {
      sum += (double) one[i] * other[i];
    }
    return sum;
  }

  @Test
  void it_says_what_it_is() {
    assertThat(READER.recognises(minilm)).isTrue();
    assertThat(model.dimensions()).isEqualTo(MiniLm.DIMENSIONS);
    assertThat(model.maxTokens()).isEqualTo(MiniLm.MAX_TOKENS);
    assertThat(model.batchable()).isTrue();
    assertThat(model.weights().count()).isBetween(20_000_000L, 30_000_000L);
    assertThat(model.description())
        .isEqualTo(
            "ONNX Runtime on the CPU, 2 threads, activations rounded token by token, mean, normalised");
  }

  @Test
  void a_text_is_encoded_with_what_goes_around_it_and_cut_within() {
    assertThat(model.encode("hello world")).containsExactly(101, 7592, 2088, 102);
    assertThat(model.truncate(new int[] {101, 1, 2, 3, 4, 102}, 4)).containsExactly(101, 1, 2, 102);
    assertThat(model.truncate(new int[] {101, 1, 102}, 4)).containsExactly(101, 1, 102);
    assertThatThrownBy(() -> model.encode("half \ud800"))
        .isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void like_meanings_are_near_and_vectors_have_length_one() throws Exception {
    List<float[]> vectors =
        model.run(
            List.of(
                model.encode("How do I reset my password?"),
                model.encode("I forgot my login credentials"),
                model.encode("The sun shines over Rome")));
    assertThat(cosine(vectors.get(0), vectors.get(1))).isGreaterThan(0.5);
    assertThat(cosine(vectors.get(0), vectors.get(2))).isLessThan(0.2);
    assertThat(vectors).allMatch(vector -> Math.abs(cosine(vector, vector) - 1) < 1e-6);
  }

  @Test
  void a_text_has_the_same_vector_alone_and_among_others_of_any_length() throws Exception {
    long seed = 20261123;
    Random random = new Random(seed);
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      StringBuilder text = new StringBuilder();
      for (int words = 1 + random.nextInt(60); words > 0; words--) {
        text.append(WORDS[random.nextInt(WORDS.length)]).append(' ');
      }
      texts.add(model.encode(text.toString()));
    }
    List<float[]> together = model.run(texts);
    for (int i = 0; i < texts.size(); i++) {
      float[] alone = model.run(List.of(texts.get(i))).getFirst();
      assertThat(together.get(i))
          .as("seed %d, text %d", seed, i)
          .usingComparatorWithPrecision(1e-6f)
          .isEqualTo(alone);
    }
  }

  @Test
  void a_graph_that_is_cut_off_or_is_none_is_refused(@TempDir Path broken) throws IOException {
    byte[] whole = Files.readAllBytes(minilm.resolve("all-minilm-l6-v2-q.onnx"));
    for (int length : new int[] {0, 20, whole.length / 2, whole.length - 1}) {
      assertThatThrownBy(() -> READER.open(with(broken, Arrays.copyOf(whole, length)), limits()))
          .as("%d bytes", length)
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("model.onnx is no embedding model that can be run: ");
    }
    assertThatThrownBy(
            () -> READER.open(with(broken, "no graph".getBytes(StandardCharsets.UTF_8)), limits()))
        .isInstanceOf(CheckpointException.class);
  }

  @Test
  void a_graph_with_other_inputs_or_outputs_is_refused(@TempDir Path other) throws IOException {
    TinyGraph image =
        new TinyGraph(13)
            .input("pixels", TinyGraph.FLOAT, "n", "3")
            .output("y", TinyGraph.FLOAT, "n", "3")
            .node(GraphNode.of("Abs", "y", "pixels"));
    assertRefused(with(other, image.file()), "it takes [pixels], and not input_ids");
    TinyGraph more =
        ids("x").input("images", TinyGraph.FLOAT, "n").node(GraphNode.of("Abs", "z", "images"));
    assertRefused(with(other, more.file()), "it takes 'images', which nobody here knows");
    assertRefused(
        with(other, ids("x").file()), "nothing that has a vector of floating-point numbers");
  }

  private static TinyGraph ids(String output) {
    return new TinyGraph(13)
        .input("input_ids", TinyGraph.INT64, "n", "m")
        .output(output, TinyGraph.INT64, "n", "m")
        .node(GraphNode.of("Abs", output, "input_ids"));
  }

  @Test
  void a_model_whose_vectors_depend_on_their_neighbours_says_so(@TempDir Path other)
      throws IOException {
    GraphNode quantise = GraphNode.of("DynamicQuantizeLinear", "q", "x");
    quantise.message().with(2, "s").with(2, "z");
    float[] table = new float[30522 * 4];
    Random random = new Random(3);
    for (int i = 0; i < table.length; i++) {
      table[i] = (float) random.nextGaussian();
    }
    TinyGraph graph =
        new TinyGraph(13)
            .input("input_ids", TinyGraph.INT64, "n", "m")
            .output("y", TinyGraph.FLOAT, "n", "m", "4")
            .floats("table", table, 30522, 4)
            .node(GraphNode.of("Gather", "x", "table", "input_ids"))
            .node(quantise)
            .node(GraphNode.of("DequantizeLinear", "y", "q", "s", "z"));
    try (EmbeddingModel lonely = READER.open(with(other, graph.file()), limits())) {
      assertThat(lonely.batchable()).isFalse();
      assertThat(lonely.dimensions()).isEqualTo(4);
    }
  }

  @Test
  void texts_longer_than_the_graph_takes_cannot_be_allowed() {
    EmbeddingLimits more = new EmbeddingLimits(2, OptionalInt.of(600));
    assertThatThrownBy(() -> READER.open(minilm, more))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("cannot compute texts of [600] tokens");
    assertThatThrownBy(() -> READER.open(minilm, new EmbeddingLimits(2, OptionalInt.of(2))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("nothing but the 2 that go around each");
  }

  @Test
  void a_folder_that_lacks_a_file_or_has_too_many_is_refused(@TempDir Path other)
      throws IOException {
    assertThat(READER.recognises(other)).isFalse();
    assertThat(READER.recognises(other.resolve("nothing"))).isFalse();
    assertRefused(other, "there is no .onnx file in it");
    Files.writeString(other.resolve("one.onnx"), "");
    assertRefused(other, "has no tokenizer; it is looked for at");
    Files.writeString(other.resolve("two.onnx"), "");
    assertRefused(other, "has several models, none of them model.onnx");
  }

  @Test
  void the_files_of_sentence_transformers_have_their_say(@TempDir Path other) throws IOException {
    Path files = with(other, Files.readAllBytes(minilm.resolve("all-minilm-l6-v2-q.onnx")));
    Files.writeString(files.resolve("config.json"), "{\"max_position_embeddings\":512}");
    Files.writeString(files.resolve("sentence_bert_config.json"), "{\"max_seq_length\":256}");
    Files.writeString(files.resolve("modules.json"), "[{\"type\":\"Transformer\"}]");
    Files.createDirectories(files.resolve("1_Pooling"));
    Path pooling = files.resolve("1_Pooling/config.json");
    Files.writeString(pooling, "{\"pooling_mode_cls_token\":true}");
    try (EmbeddingModel first = READER.open(files, limits())) {
      assertThat(first.maxTokens()).isEqualTo(256);
      assertThat(first.description()).endsWith("first token");
      assertThat(first.digest()).isNotEqualTo(model.digest());
    }
    Files.writeString(pooling, "{\"pooling_mode_max_tokens\":true}");
    assertRefused(files, "another pooling than the mean or the first token");
    assertThatThrownBy(() -> READER.open(files, new EmbeddingLimits(1, OptionalInt.of(513))))
        .hasMessageContaining("made for texts of 512 tokens");
  }

  private Path with(Path other, byte[] graph) throws IOException {
    Files.write(other.resolve("model.onnx"), graph);
    Path tokenizer = other.resolve("tokenizer.json");
    if (!Files.exists(tokenizer)) {
      Files.copy(minilm.resolve("all-minilm-l6-v2-q-tokenizer.json"), tokenizer);
    }
    return other;
  }

  private static void assertRefused(Path path, String message) {
    assertThatThrownBy(() -> READER.open(path, limits()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message);
  }
}

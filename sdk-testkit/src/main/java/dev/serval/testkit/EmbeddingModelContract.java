package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.model.EmbeddingModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link EmbeddingModel} must do. Extended by the tests of an implementation. */
public abstract class EmbeddingModelContract {
  private static final float TOLERANCE = 1e-4f;
  private static final List<String> TEXTS =
      List.of(
          "a",
          "How do I reset my password?",
          "The serval is a wild cat with long legs that lives in the grass of the savannah.",
          "two words");

  private EmbeddingModel model;

  /** For the tests that extend this. */
  @SuppressWarnings("NullAway.Init") // opened before each test
  protected EmbeddingModelContract() {}

  /**
   * Opens the model.
   *
   * @return a new model, which the test closes
   * @throws Exception when it cannot be opened
   */
  protected abstract EmbeddingModel open() throws Exception;

  @BeforeEach
  final void openModel() throws Exception {
    model = open();
  }

  @AfterEach
  final void closeModel() {
    model.close();
  }

  private List<int[]> encoded() {
    return TEXTS.stream().map(model::encode).toList();
  }

  @Test
  void there_is_a_vector_of_the_models_dimensions_for_each_text() throws Exception {
    List<float[]> vectors = model.run(encoded().subList(0, 1));
    assertThat(vectors).hasSize(1);
    assertThat(vectors.getFirst()).hasSize(model.dimensions());
    for (float value : vectors.getFirst()) {
      assertThat(value).isFinite();
    }
  }

  @Test
  void texts_that_may_go_together_have_the_vectors_they_have_alone_in_their_order()
      throws Exception {
    if (!model.batchable()) {
      return;
    }
    List<float[]> together = model.run(encoded());
    List<float[]> alone = new ArrayList<>();
    for (int[] text : encoded()) {
      alone.addAll(model.run(List.of(text)));
    }
    assertThat(together).hasSameSizeAs(alone);
    for (int i = 0; i < alone.size(); i++) {
      assertThat(distance(together.get(i), alone.get(i))).as(TEXTS.get(i)).isLessThan(TOLERANCE);
    }
  }

  private static float distance(float[] one, float[] other) {
    float most = 0;
    for (int i = 0; i < one.length; i++) {
      most = Math.max(most, Math.abs(one[i] - other[i]));
    }
    return most;
  }

  @Test
  void a_text_is_as_long_as_its_tokens_and_truncation_never_lengthens() {
    int[] tokens = model.encode(TEXTS.get(2));
    assertThat(model.length(tokens)).isEqualTo(tokens.length);
    assertThat(model.truncate(tokens, tokens.length)).containsExactly(tokens);
    assertThat(model.truncate(tokens, tokens.length + 1)).containsExactly(tokens);
    assertThat(model.truncate(tokens, tokens.length - 1)).hasSize(tokens.length - 1);
  }

  @Test
  void the_longest_text_that_is_allowed_is_computed() throws Exception {
    int[] tokens = model.encode("long ".repeat(model.maxTokens()));
    int[] longest = model.truncate(tokens, model.maxTokens());
    assertThat(longest).hasSize(model.maxTokens());
    assertThat(model.run(List.of(longest)).getFirst()).hasSize(model.dimensions());
  }

  @Test
  void the_digest_is_of_what_was_opened() throws Exception {
    try (EmbeddingModel again = open()) {
      assertThat(again.digest()).isEqualTo(model.digest());
      assertThat(Arrays.equals(again.encode("a"), model.encode("a"))).isTrue();
    }
  }

  @Test
  void closing_again_does_nothing() {
    model.close();
    model.close();
  }
}

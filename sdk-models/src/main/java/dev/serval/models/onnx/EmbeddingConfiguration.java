package dev.serval.models.onnx;

import dev.serval.api.storage.CheckpointException;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the files beside a model say about it, in the layout of <a
 * href="https://sbert.net/docs/package_reference/sentence_transformer/models.html">Sentence
 * Transformers</a>; a model without them is pooled by the mean and normalised.
 *
 * @param maxTokens how long a text may be, those that go around it included
 * @param firstToken whether a text's vector is its first token's and not the mean
 * @param normalised whether vectors have length 1
 */
record EmbeddingConfiguration(int maxTokens, boolean firstToken, boolean normalised) {
  private static final JsonMapper MAPPER = JsonMapper.shared();

  /** What most models of this kind were made for. */
  private static final int USUAL_TOKENS = 512;

  static EmbeddingConfiguration read(OnnxFiles files, OptionalInt wanted) {
    return new EmbeddingConfiguration(
        maxTokens(files, wanted), firstToken(files), normalised(files));
  }

  private static int maxTokens(OnnxFiles files, OptionalInt wanted) {
    OptionalInt made = positive(json(files, "config.json"), "max_position_embeddings");
    if (wanted.isPresent()) {
      require(files, wanted.getAsInt(), made);
      return wanted.getAsInt();
    }
    OptionalInt trained = positive(json(files, "sentence_bert_config.json"), "max_seq_length");
    OptionalInt cut =
        positive(
            Optional.of(tree(files, "tokenizer.json", files.tokenizerText()).path("truncation")),
            "max_length");
    int most = made.orElse(USUAL_TOKENS);
    return Math.min(most, trained.orElse(cut.orElse(most)));
  }

  private static void require(OnnxFiles files, int wanted, OptionalInt made) {
    if (wanted > made.orElse(wanted)) {
      throw new CheckpointException(
          "%s was made for texts of %d tokens, fewer than the %d that are to be allowed"
              .formatted(files.root(), made.getAsInt(), wanted));
    }
  }

  private static OptionalInt positive(Optional<JsonNode> tree, String field) {
    int value = tree.map(node -> node.path(field).intValue(0)).orElse(0);
    return value > 0 ? OptionalInt.of(value) : OptionalInt.empty();
  }

  private static boolean firstToken(OnnxFiles files) {
    Optional<JsonNode> pooling = json(files, "1_Pooling/config.json");
    if (pooling.isEmpty()) {
      return false;
    }
    boolean first = pooling.get().path("pooling_mode_cls_token").booleanValue(false);
    boolean mean = pooling.get().path("pooling_mode_mean_tokens").booleanValue(false);
    if (first == mean) {
      throw new CheckpointException(
          "1_Pooling/config.json of %s asks for another pooling than the mean or the first token, which are what there is"
              .formatted(files.root()));
    }
    return first;
  }

  private static boolean normalised(OnnxFiles files) {
    return files.text("modules.json").map(text -> text.contains("Normalize")).orElse(true);
  }

  private static Optional<JsonNode> json(OnnxFiles files, String name) {
    return files.text(name).map(text -> tree(files, name, text));
  }

  private static JsonNode tree(OnnxFiles files, String name, String text) {
    try {
      return MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw new CheckpointException(
          "%s of %s is no JSON: %s".formatted(name, files.root(), e.getOriginalMessage()), e);
    }
  }
}

package dev.serval.models.onnx;

import ai.onnxruntime.OrtException;
import dev.serval.api.storage.CheckpointException;
import dev.serval.models.text.TextEncoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs a model before anybody relies on it: whether it takes the longest text that is allowed, and
 * whether texts get the same vectors together as alone.
 */
record Trial(OnnxFiles files, TextEncoder encoder, GraphSession session, Pooling pooling) {
  /** The most that an element may differ; what summing in another order makes is a tenth of it. */
  private static final float TOLERANCE = 1e-5f;

  private static final List<String> TEXTS =
      List.of(
          "a",
          "Serval is a cat of the African savannah with long legs and large ears.",
          "How do I reset my password?");

  /** Fails if the longest text cannot be computed, or what comes out is not a number. */
  void checkLongest(int maxTokens) {
    if (maxTokens <= encoder.frame()) {
      throw new CheckpointException(
          "%s: texts of %d tokens would hold nothing but the %d that go around each"
              .formatted(files.root(), maxTokens, encoder.frame()));
    }
    String words = "long ".repeat(maxTokens);
    int[] longest = encoder.truncate(encoder.encode(words), maxTokens);
    for (float value : vectors(List.of(longest)).getFirst()) {
      if (!Float.isFinite(value)) {
        throw new CheckpointException(
            "%s gives vectors with %s in them".formatted(files.model(), value));
      }
    }
  }

  /** Whether vectors hold still whatever is beside a text. */
  boolean batchable() {
    List<int[]> texts = TEXTS.stream().map(encoder::encode).toList();
    List<float[]> alone = new ArrayList<>();
    texts.forEach(text -> alone.addAll(vectors(List.of(text))));
    List<float[]> together = vectors(texts);
    for (int i = 0; i < texts.size(); i++) {
      if (!close(alone.get(i), together.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean close(float[] one, float[] other) {
    float scale = 0;
    float difference = 0;
    for (int i = 0; i < one.length; i++) {
      scale = Math.max(scale, Math.abs(one[i]));
      difference = Math.max(difference, Math.abs(one[i] - other[i]));
    }
    return difference <= TOLERANCE * Math.max(1, scale);
  }

  private List<float[]> vectors(List<int[]> texts) {
    try {
      return OnnxEmbeddingModel.run(session, pooling, texts);
    } catch (OrtException e) {
      int[] lengths = texts.stream().mapToInt(text -> text.length).toArray();
      throw new CheckpointException(
          "%s cannot compute texts of %s tokens: %s"
              .formatted(files.model(), Arrays.toString(lengths), GraphSession.reason(e)),
          e);
    }
  }
}

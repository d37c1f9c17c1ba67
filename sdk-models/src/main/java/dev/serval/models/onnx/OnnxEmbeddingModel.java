package dev.serval.models.onnx;

import ai.onnxruntime.OrtException;
import dev.serval.api.Bytes;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.models.text.TextEncoder;
import java.util.List;

/** An embedding model whose graph ONNX Runtime computes. */
final class OnnxEmbeddingModel implements EmbeddingModel {
  private final TextEncoder encoder;
  private final GraphSession session;
  private final Pooling pooling;
  private final Artefact artefact;
  private final int maxTokens;
  private final boolean batchable;
  private final int threads;

  /**
   * What it was loaded from.
   *
   * @param digest over its bytes
   * @param weights the size of its graph
   */
  record Artefact(ArtefactDigest digest, Bytes weights) {}

  OnnxEmbeddingModel(
      TextEncoder encoder,
      GraphSession session,
      Pooling pooling,
      Artefact artefact,
      int maxTokens,
      boolean batchable,
      int threads) {
    this.encoder = encoder;
    this.session = session;
    this.pooling = pooling;
    this.artefact = artefact;
    this.maxTokens = maxTokens;
    this.batchable = batchable;
    this.threads = threads;
  }

  @Override
  public List<float[]> run(List<int[]> inputs) throws OrtException {
    return run(session, pooling, inputs);
  }

  static List<float[]> run(GraphSession session, Pooling pooling, List<int[]> texts)
      throws OrtException {
    int longest = texts.stream().mapToInt(tokens -> tokens.length).max().orElseThrow();
    return pooling.vectors(session.run(texts, longest), texts, longest);
  }

  @Override
  public int length(int[] tokens) {
    return tokens.length;
  }

  @Override
  public int[] encode(String text) {
    return encoder.encode(text);
  }

  @Override
  public int[] truncate(int[] tokens, int length) {
    return encoder.truncate(tokens, length);
  }

  @Override
  public int maxTokens() {
    return maxTokens;
  }

  @Override
  public int dimensions() {
    return pooling.dimensions();
  }

  @Override
  public boolean batchable() {
    return batchable;
  }

  @Override
  public ArtefactDigest digest() {
    return artefact.digest();
  }

  @Override
  public Bytes weights() {
    return artefact.weights();
  }

  @Override
  public String description() {
    return "ONNX Runtime on the CPU, %d %s%s, %s%s"
        .formatted(
            threads,
            threads == 1 ? "thread" : "threads",
            session.rewritten() ? ", activations rounded token by token" : "",
            pooling.pooled()
                ? "pooled by the graph"
                : pooling.firstToken() ? "first token" : "mean",
            pooling.normalised() ? ", normalised" : "");
  }

  @Override
  public void close() {
    try {
      session.close();
    } finally {
      encoder.close();
    }
  }
}

package dev.serval.guice;

import dev.serval.api.Bytes;
import dev.serval.api.model.EmbeddingLimits;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.storage.ArtefactDigest;
import java.nio.file.Path;
import java.util.List;

/** An embedding model of an application's own, to which all texts are alike. */
final class ZeroEmbeddings implements EmbeddingModel {
  /** Finds it everywhere. */
  record Reader(EmbeddingModel model) implements EmbeddingModelReader {
    @Override
    public String format() {
      return "zero";
    }

    @Override
    public boolean recognises(Path path) {
      return true;
    }

    @Override
    public EmbeddingModel open(Path path, EmbeddingLimits limits) {
      return model;
    }
  }

  @Override
  public List<float[]> run(List<int[]> inputs) {
    return inputs.stream().map(tokens -> new float[2]).toList();
  }

  @Override
  public int length(int[] tokens) {
    return tokens.length;
  }

  @Override
  public int[] encode(String text) {
    return text.chars().toArray();
  }

  @Override
  public int[] truncate(int[] tokens, int length) {
    return tokens;
  }

  @Override
  public int maxTokens() {
    return 100;
  }

  @Override
  public int dimensions() {
    return 2;
  }

  @Override
  public boolean batchable() {
    return true;
  }

  @Override
  public ArtefactDigest digest() {
    return ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]);
  }

  @Override
  public Bytes weights() {
    return Bytes.ZERO;
  }

  @Override
  public String description() {
    return "nothing";
  }

  @Override
  public void close() {}
}

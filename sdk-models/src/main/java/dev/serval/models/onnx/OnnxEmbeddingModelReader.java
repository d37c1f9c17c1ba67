package dev.serval.models.onnx;

import dev.serval.api.Bytes;
import dev.serval.api.model.EmbeddingLimits;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.storage.CheckpointException;
import dev.serval.models.text.TextEncoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Opens embedding models in the ONNX format: a folder with a graph ({@code model.onnx}, the same in
 * a folder {@code onnx}, or whatever the only {@code .onnx} file is called) and a {@code
 * tokenizer.json} (or {@code NAME-tokenizer.json} beside {@code NAME.onnx}), as Hugging Face and
 * Sentence Transformers lay them out, or the path of the graph itself.
 *
 * <p>The graph takes {@code input_ids} and, if it likes, {@code attention_mask} and {@code
 * token_type_ids}, and gives a vector for each token, which are pooled as {@code
 * 1_Pooling/config.json} says (the mean without it) and normalised unless {@code modules.json} has
 * no such module.
 *
 * <p>Quantised models whose rounding depends on what else is in a batch are changed on the way in
 * to round each token by itself. A model is tried before it is handed out.
 */
public final class OnnxEmbeddingModelReader implements EmbeddingModelReader {
  /** A reader, which has no state. */
  public OnnxEmbeddingModelReader() {}

  @Override
  public String format() {
    return "onnx";
  }

  @Override
  public boolean recognises(Path path) {
    return !OnnxFiles.models(path).isEmpty();
  }

  @Override
  public EmbeddingModel open(Path path, EmbeddingLimits limits) {
    OnnxFiles files = OnnxFiles.at(path);
    EmbeddingConfiguration configuration = EmbeddingConfiguration.read(files, limits.maxTokens());
    TextEncoder encoder =
        TextEncoder.open(
            path.toString(), files.tokenizer().getFileName() + "", files.tokenizerText());
    try {
      return open(files, limits, configuration, encoder);
    } catch (Throwable t) {
      encoder.close();
      throw t;
    }
  }

  private static EmbeddingModel open(
      OnnxFiles files,
      EmbeddingLimits limits,
      EmbeddingConfiguration configuration,
      TextEncoder encoder) {
    OnnxEmbeddingModel.Artefact artefact =
        new OnnxEmbeddingModel.Artefact(files.digest(), size(files));
    GraphSession session = GraphSession.open(files, limits.threads());
    try {
      Pooling pooling =
          new Pooling(
              session.output().dimensions(),
              session.output().pooled(),
              configuration.firstToken(),
              configuration.normalised());
      Trial trial = new Trial(files, encoder, session, pooling);
      trial.checkLongest(configuration.maxTokens());
      return new OnnxEmbeddingModel(
          encoder,
          session,
          pooling,
          artefact,
          configuration.maxTokens(),
          trial.batchable(),
          limits.threads());
    } catch (Throwable t) {
      session.close();
      throw t;
    }
  }

  private static Bytes size(OnnxFiles files) {
    try {
      return Bytes.of(Files.size(files.model()));
    } catch (IOException e) {
      throw new CheckpointException("%s cannot be read: %s".formatted(files.model(), e), e);
    }
  }
}

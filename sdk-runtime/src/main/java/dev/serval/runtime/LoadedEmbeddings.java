package dev.serval.runtime;

import dev.serval.api.RuntimeDescription.Entry;
import dev.serval.api.batching.TensorBatching;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.runtime.embedding.TextEmbedder;
import java.util.List;
import java.util.stream.Stream;

/**
 * An embedding model that was put together and runs.
 *
 * @param source what was asked for
 * @param format the format it was read in
 * @param model the model
 * @param batching how its texts are put together
 * @param embedder takes its requests
 */
record LoadedEmbeddings(
    EmbeddingSource source,
    String format,
    EmbeddingModel model,
    TensorBatching batching,
    TextEmbedder embedder) {
  List<String> names() {
    return source.servedNames();
  }

  /** What it is and how it is served. */
  Stream<Entry> entries() {
    return Stream.of(
        new Entry(
            String.join(", ", names()),
            "%d dimensions, texts of up to %d tokens, sha256 %s, %s at %s"
                .formatted(
                    model.dimensions(),
                    model.maxTokens(),
                    model.digest().toString().substring(0, 12),
                    format,
                    source.path()),
            ""),
        new Entry(names().getFirst() + " compute", model.description(), ""),
        new Entry(names().getFirst() + " batching", batches(), reason()));
  }

  private String batches() {
    return "up to %d texts and %d tokens, waiting at most %d ms for company, %d%% of padding, up to %d texts wait"
        .formatted(
            batching.maxBatch(),
            batching.maxBatchLength(),
            batching.maxDelay().toMillis(),
            Math.round(100 * batching.maxPadding()),
            batching.maxWaiting());
  }

  private String reason() {
    return model.batchable()
        ? ""
        : "the model's vectors depend on what else is in a batch, so each text goes alone";
  }

  /** What its weights take. */
  Entry memory() {
    return new Entry(names().getFirst() + " weights", model.weights().toString(), "");
  }
}

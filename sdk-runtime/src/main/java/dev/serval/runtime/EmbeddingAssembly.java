package dev.serval.runtime;

import dev.serval.api.batching.TensorBatching;
import dev.serval.api.batching.TensorListener;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.EmbeddingLimits;
import dev.serval.api.model.EmbeddingModel;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.batching.TensorBatcher;
import dev.serval.runtime.embedding.EmbeddingListener;
import dev.serval.runtime.embedding.TextEmbedder;
import dev.serval.runtime.metrics.EmbeddingMeters;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Puts embedding models together: a reader opens the model, and a batcher with a thread of its own
 * runs it. What was opened is closed in the opposite order.
 */
final class EmbeddingAssembly {
  private final RuntimeOptions options;
  private final OpenedParts opened;
  private final NativeMemory memory;

  EmbeddingAssembly(RuntimeOptions options, OpenedParts opened, NativeMemory memory) {
    this.options = options;
    this.opened = opened;
    this.memory = memory;
  }

  /**
   * Puts a model together.
   *
   * @param source what is to be served
   * @param meters measure it, or null
   */
  LoadedEmbeddings assemble(EmbeddingSource source, @Nullable EmbeddingMeters meters) {
    EmbeddingModelReader reader = options.parts().embeddingReader(source.path()).orElseThrow();
    String name = source.servedNames().getFirst();
    NativeMemory modelMemory = opened.opened(memory.child(name));
    EmbeddingModel model =
        opened.opened(
            reader.open(source.path(), new EmbeddingLimits(threads(), source.maxTokens())));
    modelMemory.account(model.weights());
    TensorBatching batching = batching(source, model);
    if (options.warmUp().isPositive()) {
      warmUp(name, model, batching);
    }
    TensorListener steps = meters == null ? TensorListener.NONE : meters;
    TensorBatcher<int[], float[]> batcher = opened.opened(start(name, model, batching, steps));
    if (meters != null) {
      meters.begin(batcher::waiting);
    }
    EmbeddingListener listener = meters == null ? EmbeddingListener.NONE : meters;
    return new LoadedEmbeddings(
        source,
        reader.format(),
        model,
        batching,
        new TextEmbedder(name, model, batcher, batching, options.nanoClock(), listener));
  }

  /** By a batcher of its own, which nobody measures. */
  private void warmUp(String name, EmbeddingModel model, TensorBatching batching) {
    LongSupplier clock = options.nanoClock();
    WarmUpRounds rounds =
        new WarmUpRounds(clock, WarmUpRounds.compiling(), options.warmUp(), options.loadListener());
    try (TensorBatcher<int[], float[]> batcher =
        start(name, model, batching, TensorListener.NONE)) {
      new EmbeddingWarmUp(rounds, batching.maxWaiting())
          .run(new TextEmbedder(name, model, batcher, batching, clock, EmbeddingListener.NONE));
    }
  }

  private TensorBatcher<int[], float[]> start(
      String name, EmbeddingModel model, TensorBatching batching, TensorListener steps) {
    return TensorBatcher.start(
        model,
        batching,
        steps,
        options.nanoClock(),
        Thread.ofPlatform().daemon().name(options.name() + "-" + name).factory(),
        options.delivery());
  }

  private static TensorBatching batching(EmbeddingSource source, EmbeddingModel model) {
    TensorBatching wanted = source.batching();
    return model.batchable()
        ? wanted
        : wanted.withPreferredSizes().withMaxBatch(1, wanted.maxBatchLength());
  }

  private int threads() {
    Integer configured = options.threads();
    return configured == null ? Runtime.getRuntime().availableProcessors() : configured;
  }
}

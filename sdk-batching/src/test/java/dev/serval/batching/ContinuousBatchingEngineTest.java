package dev.serval.batching;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.EngineContract;

final class ContinuousBatchingEngineTest extends EngineContract {
  @Override
  protected Engine start(
      ModelExecutor executor,
      int blocks,
      int blockTokens,
      StepLimits limits,
      int contextLength,
      int maxWaiting) {
    return ContinuousBatchingEngine.start(
        new EngineOptions(
            "test",
            executor,
            new PagedKvCache(
                new KvLayout(1, 1, 1, blockTokens, DType.F32),
                blocks,
                ArtefactDigest.of(new byte[32]),
                new NumericsId("recall-1"),
                true),
            limits,
            contextLength,
            new BatchingPolicies(
                AdmissionPolicies.maxWaiting(maxWaiting),
                OrderPolicies.firstComeFirstServed(),
                ChunkPolicies.fixedBudget(limits.tokens()),
                VictimPolicies.lastIn()),
            EngineListener.NONE,
            System::nanoTime,
            Thread.ofPlatform()
                .daemon()
                .uncaughtExceptionHandler((thread, thrown) -> {})
                .factory()));
  }
}

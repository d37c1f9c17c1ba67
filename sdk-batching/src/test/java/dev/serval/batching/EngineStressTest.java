package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.CollectingSink;
import dev.serval.testkit.models.RecallModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;

/** Many callers at once on an engine with a small cache, who submit, cancel, stall and resume. */
@Timeout(300)
final class EngineStressTest {
  private static final int VOCABULARY = 61;
  private static final int CALLERS = 8;
  private static final int BLOCKS = 40;
  private static final int CONTEXT = 100;

  private static Engine engine(int maxWaiting) {
    RecallModel model = new RecallModel(VOCABULARY, BLOCKS, 4, 8);
    return ContinuousBatchingEngine.start(
        new EngineOptions(
            "stressed",
            model,
            new PagedKvCache(
                model.layout(), BLOCKS, ArtefactDigest.of(new byte[32]), model.numerics(), true),
            new StepLimits(32, 8),
            CONTEXT,
            new BatchingPolicies(
                AdmissionPolicies.maxWaiting(maxWaiting),
                OrderPolicies.firstComeFirstServed(),
                ChunkPolicies.fixedBudget(24),
                VictimPolicies.lastIn()),
            EngineListener.NONE,
            System::nanoTime,
            Thread.ofPlatform().daemon().factory()));
  }

  @Test
  void callers_do_not_disturb_each_other(TestReporter reporter) throws Exception {
    stress(150, reporter);
  }

  @Tag("slow")
  @RepeatedTest(2)
  void callers_do_not_disturb_each_other_for_long(TestReporter reporter) throws Exception {
    stress(2_000, reporter);
  }

  private static void stress(int sequencesEach, TestReporter reporter) throws Exception {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    Engine engine = engine(16);
    try (engine) {
      List<Callable<Void>> callers = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        callers.add(new Caller(engine, new Random(seed + i), sequencesEach));
      }
      runAll(callers);
      assertThat(DrivenEngine.counts(engine.load()))
          .isEqualTo(new EngineLoad(0, 0, BLOCKS, BLOCKS));
    }
  }

  @RepeatedTest(20)
  void nobody_is_forgotten_when_the_engine_closes_among_them() throws Exception {
    Engine engine = engine(1000);
    List<CollectingSink> accepted = new ArrayList<>();
    List<Callable<Void>> callers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      callers.add(() -> {
        for (int j = 0; j < 50; j++) {
          CollectingSink sink = new CollectingSink();
          try {
            engine.submit(request(new int[] {j}, 30), sink);
          } catch (RequestRejectedException e) {
            assertThat(e.reason()).isEqualTo(RequestRejectedException.Reason.CLOSING);
            return null;
          }
          synchronized (accepted) {
            accepted.add(sink);
          }
        }
        return null;
      });
    }
    callers.add(() -> {
      while (isEmpty(accepted)) {
        Thread.onSpinWait();
      }
      engine.close();
      return null;
    });
    runAll(callers);
    assertThat(accepted)
        .isNotEmpty()
        .allSatisfy(sink -> {
          assertThat(sink.hasEnded()).isTrue();
          assertThat(sink.breach()).isEmpty();
        });
    assertThat(DrivenEngine.counts(engine.load())).isEqualTo(new EngineLoad(0, 0, BLOCKS, BLOCKS));
  }

  private static boolean isEmpty(List<?> list) {
    synchronized (list) {
      return list.isEmpty();
    }
  }

  private static void runAll(List<Callable<Void>> tasks)
      throws InterruptedException, ExecutionException {
    try (ExecutorService threads = Executors.newThreadPerTaskExecutor(Thread::new)) {
      for (Future<Void> done : threads.invokeAll(tasks)) {
        done.get();
      }
    }
  }

  private static SequenceRequest request(int[] prompt, int maxTokens) {
    return SequenceRequest.of("s", prompt, maxTokens);
  }

  /** One who keeps some sequences going, and changes his mind about them. */
  private static final class Caller implements Callable<Void> {
    private final Engine engine;
    private final Random random;
    private final List<Stream> open = new ArrayList<>();
    private int left;

    Caller(Engine engine, Random random, int sequences) {
      this.engine = engine;
      this.random = random;
      left = sequences;
    }

    @Override
    public Void call() {
      while (left > 0 || !open.isEmpty()) {
        if (left > 0 && open.size() < 6) {
          submit();
        }
        if (!open.isEmpty()) {
          Stream stream = open.get(random.nextInt(open.size()));
          stream.handle.resume();
          if (random.nextInt(50) == 0) {
            stream.cancelled = true;
            stream.handle.cancel();
          }
        }
        open.removeIf(Stream::isOver);
        LockSupport.parkNanos(20_000);
      }
      return null;
    }

    private void submit() {
      int[] prompt = random.ints(1 + random.nextInt(40), 0, 3).toArray();
      Arrays.fill(prompt, 0, random.nextInt(prompt.length), 5);
      Stream stream = new Stream(prompt, 1 + random.nextInt(40), random.nextInt(8));
      try {
        stream.handle = engine.submit(request(prompt, stream.maxTokens), stream);
        open.add(stream);
        left--;
      } catch (RequestRejectedException e) {
        assertThat(e.reason()).isEqualTo(RequestRejectedException.Reason.OVERLOADED);
      }
    }
  }

  /** A sequence whose reader stalls after every few tokens. */
  private static final class Stream extends CollectingSink {
    final int[] prompt;
    final int maxTokens;
    volatile boolean cancelled;
    EngineSequence handle;
    private final int stallsAt;
    private int count;

    Stream(int[] prompt, int maxTokens, int stallsAt) {
      this.prompt = prompt;
      this.maxTokens = maxTokens;
      this.stallsAt = stallsAt;
    }

    @Override
    protected Verdict verdict(SampledToken token) {
      count++;
      return stallsAt > 0 && count % stallsAt == 0 ? Verdict.PAUSE : Verdict.CONTINUE;
    }

    boolean isOver() {
      if (!hasEnded()) {
        return false;
      }
      int[] tokens = tokens();
      assertThat(breach()).isEmpty();
      assertThat(awaitEnd().failure()).isNull();
      assertThat(tokens).isEqualTo(RecallModel.continuation(VOCABULARY, prompt, tokens.length));
      if (awaitEnd().reason() == FinishReason.CANCELLED) {
        assertThat(cancelled).isTrue();
      } else {
        assertThat(tokens).hasSize(Math.min(maxTokens, CONTEXT - prompt.length));
      }
      return true;
    }
  }
}

package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.FinishReason;
import dev.serval.api.IsolationScope;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.batching.TokenSink.Verdict;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.CollectingSink;
import dev.serval.testkit.models.RecallModel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an engine survives, and how it goes down when it does not. */
@Timeout(30)
final class EngineFailureTest {
  private final CollectingSink first = new CollectingSink();
  private final CollectingSink second = new CollectingSink();
  private final CollectingSink third = new CollectingSink();

  @Test
  void an_error_of_the_executor_fails_the_sequences_of_its_step_and_no_others() {
    OutOfMemoryError failure = new OutOfMemoryError("of the device, as a test");
    AtomicBoolean fails = new AtomicBoolean();
    DrivenEngine engine =
        new Setup()
            .limits(16, 2)
            .beforeStep(batch -> {
              if (fails.getAndSet(false)) {
                throw failure;
              }
            })
            .engine();
    engine.submit(prompt(1, 6), 10, first);
    engine.submit(prompt(2, 6), 10, second);
    engine.submit(prompt(3, 6), 10, third);
    engine.steps(3);
    fails.set(true);
    engine.step();
    assertThat(first.awaitEnd().failure()).isSameAs(failure);
    assertThat(second.awaitEnd().failure()).isSameAs(failure);
    assertThat(second.awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 6), 3));
    assertThat(engine.load()).isEqualTo(new EngineLoad(1, 0, 100, 100));
    engine.run();
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 6), 10));
  }

  @Test
  void what_a_failed_step_was_to_compute_is_not_found_again() {
    AtomicBoolean fails = new AtomicBoolean(true);
    DrivenEngine engine =
        new Setup()
            .beforeStep(batch -> {
              if (fails.getAndSet(false)) {
                throw new IllegalStateException("before anything was written");
              }
            })
            .engine();
    engine.submit(prompt(1, 12), 3, first);
    engine.run();
    assertThat(first.awaitEnd().failure()).isNotNull();
    engine.submit(prompt(1, 12), 3, second);
    engine.run();
    assertThat(second.awaitEnd().cachedPromptTokens()).isZero();
    assertThat(second.tokens()).isEqualTo(expected(prompt(1, 12), 3));
  }

  @Test
  void a_policy_that_throws_fails_all_there_are_and_the_engine_lives_on() {
    AtomicBoolean fails = new AtomicBoolean();
    RuntimeException failure = new IllegalStateException("no idea");
    DrivenEngine engine =
        new Setup()
            .limits(16, 1)
            .chunk((sequence, planned, snapshot) -> {
              if (fails.getAndSet(false)) {
                throw failure;
              }
              return 4;
            })
            .engine();
    engine.submit(prompt(1, 12), 3, first);
    engine.submit(prompt(2, 12), 3, second);
    engine.step();
    fails.set(true);
    engine.step();
    assertThat(first.awaitEnd().failure())
        .hasMessageStartingWith("the chunk policy failed")
        .hasCause(failure);
    assertThat(second.awaitEnd().failure()).isSameAs(first.awaitEnd().failure());
    assertThat(engine.load()).isEqualTo(new EngineLoad(0, 0, 100, 100));
    engine.submit(prompt(3, 12), 3, third);
    engine.run();
    assertThat(third.tokens()).isEqualTo(expected(prompt(3, 12), 3));
  }

  @Test
  void a_victim_that_does_not_exist_is_the_policys_failure() {
    DrivenEngine engine = new Setup().blocks(6, 4).victim((needy, snapshot) -> 17).engine();
    engine.submit(prompt(1, 7), 16, first);
    engine.submit(prompt(2, 7), 16, second);
    engine.run();
    assertThat(first.awaitEnd().failure())
        .hasMessageContainingAll("victim policy failed", "sequence 17 was picked of 2");
  }

  @Test
  void an_order_that_is_none_is_the_policys_failure() {
    DrivenEngine engine =
        new Setup()
            .limits(16, 1)
            .order((left, right, now) -> {
              throw new ArithmeticException("not comparable");
            })
            .engine();
    engine.submit(prompt(1, 7), 16, first);
    engine.submit(prompt(2, 7), 16, second);
    engine.step();
    assertThat(second.awaitEnd().failure()).hasMessageStartingWith("the order policy failed");
  }

  @Test
  void an_admission_policy_that_throws_fails_its_caller_alone() {
    DrivenEngine engine =
        new Setup()
            .admission((request, load) -> {
              throw new ArithmeticException("cannot count");
            })
            .engine();
    assertThatThrownBy(() -> engine.submit(prompt(1, 7), 16, first))
        .isInstanceOf(ArithmeticException.class);
    assertThat(engine.load().waiting()).isZero();
  }

  @Test
  void a_resumption_before_the_sink_was_asked_does_not_end_a_later_pause() {
    AtomicBoolean stale = new AtomicBoolean(true);
    List<EngineSequence> handle = new ArrayList<>();
    DrivenEngine engine =
        new Setup()
            .beforeStep(batch -> {
              if (stale.get()) {
                handle.getFirst().resume();
              }
            })
            .engine();
    CollectingSink sink = reacting(() -> Verdict.PAUSE);
    handle.add(engine.submit(prompt(1, 7), 3, sink));
    engine.run();
    assertThat(sink.tokens()).hasSize(1);
    stale.set(false);
    handle.getFirst().resume();
    engine.run();
    assertThat(sink.tokens()).hasSize(2);
    handle.getFirst().cancel();
    assertThat(engine.step()).isFalse();
    assertThat(sink.hasEnded()).isTrue();
  }

  @Test
  void a_listener_hears_everything_and_harms_nobody() {
    List<String> heard = new ArrayList<>();
    DrivenEngine engine = new Setup().blocks(5, 4).listener(new Grumbling(heard)).engine();
    Thread.UncaughtExceptionHandler before = Thread.currentThread().getUncaughtExceptionHandler();
    List<Throwable> reported = new ArrayList<>();
    Thread.currentThread().setUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
    try {
      engine.submit(prompt(1, 5), 8, first);
      engine.submit(prompt(2, 5), 8, second);
      engine.run();
    } finally {
      Thread.currentThread().setUncaughtExceptionHandler(before);
    }
    assertThat(first.tokens()).isEqualTo(expected(prompt(1, 5), 8));
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 5), 8));
    assertThat(heard)
        .startsWith("started 5 0", "started 5 0", "token true", "token true", "step 2 10 decodes 0")
        .contains("preempted 8", "ended LENGTH 8")
        .filteredOn(event -> event.startsWith("token"))
        .hasSize(16);
    assertThat(reported).hasSameSizeAs(heard);
  }

  private record Grumbling(List<String> heard) implements EngineListener {
    private void hear(String event) {
      heard.add(event);
      throw new IllegalStateException("a listener must not throw, but " + event);
    }

    @Override
    public void step(StepPlan step, long nanos) {
      hear("step " + step.sequences() + " " + step.tokens() + " decodes " + step.decodes());
    }

    @Override
    public void token(SequenceView sequence, long sinceNanos, boolean first) {
      hear("token " + first);
    }

    @Override
    public void started(SequenceView sequence, long queuedNanos) {
      hear("started " + sequence.promptTokens() + " " + sequence.cachedPromptTokens());
    }

    @Override
    public void preempted(SequenceView sequence, int lostTokens) {
      hear("preempted " + lostTokens);
    }

    @Override
    public void ended(SequenceView sequence, SequenceOutcome outcome) {
      hear("ended " + outcome.reason() + " " + outcome.generatedTokens());
    }
  }

  @Test
  void an_engine_that_is_wrong_about_its_blocks_fails_everybody_and_takes_no_more() {
    ConcurrentLinkedQueue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
    RecallModel model = new RecallModel(DrivenEngine.VOCABULARY, 10, 4, 8);
    BrokenCache cache =
        new BrokenCache(
            new PagedKvCache(
                model.layout(), 10, ArtefactDigest.of(new byte[32]), model.numerics(), true));
    Engine engine =
        ContinuousBatchingEngine.start(
            new EngineOptions(
                "broken",
                model,
                cache,
                new StepLimits(16, 8),
                64,
                new BatchingPolicies(
                    AdmissionPolicies.maxWaiting(10),
                    OrderPolicies.firstComeFirstServed(),
                    ChunkPolicies.fixedBudget(16),
                    VictimPolicies.lastIn()),
                EngineListener.NONE,
                System::nanoTime,
                body ->
                    Thread.ofPlatform()
                        .daemon()
                        .uncaughtExceptionHandler((thread, thrown) -> uncaught.add(thrown))
                        .unstarted(body)));
    CollectingSink first = reacting(() -> Verdict.PAUSE);
    engine.submit(request(prompt(1, 6)), first);
    first.awaitTokens(1);
    CollectingSink second =
        reacting(() -> {
          cache.broken.set(true);
          return Verdict.CONTINUE;
        });
    engine.submit(request(prompt(2, 6)), second);
    assertThat(first.awaitEnd().failure()).hasMessage("the books do not add up");
    assertThat(second.awaitEnd().failure()).isSameAs(first.awaitEnd().failure());
    RequestRejectedException refusal =
        catchThrowableOfType(
            RequestRejectedException.class, () -> engine.submit(request(prompt(3, 6)), third));
    assertThat(refusal.reason()).isEqualTo(RequestRejectedException.Reason.CLOSING);
    assertThat(refusal)
        .hasMessageContainingAll("engine broken has failed", "the books do not add up")
        .hasCause(first.awaitEnd().failure());
    assertThat(uncaught).contains(first.awaitEnd().failure());
    assertThat(third.hasEnded()).isFalse();
    engine.close();
  }

  private static CollectingSink reacting(Supplier<Verdict> reaction) {
    return new CollectingSink() {
      @Override
      protected Verdict verdict(SampledToken token) {
        return reaction.get();
      }
    };
  }

  private static SequenceRequest request(int[] prompt) {
    return SequenceRequest.of("s", prompt, 30);
  }

  /** Books that stop adding up, even when blocks are released. */
  private static final class BrokenCache implements KvCache {
    final AtomicBoolean broken = new AtomicBoolean();
    private final KvCache cache;

    BrokenCache(KvCache cache) {
      this.cache = cache;
    }

    private void check() {
      if (broken.get()) {
        throw new IllegalStateException("the books do not add up");
      }
    }

    @Override
    public int blockTokens() {
      return cache.blockTokens();
    }

    @Override
    public int totalBlocks() {
      return cache.totalBlocks();
    }

    @Override
    public int freeBlocks() {
      return cache.freeBlocks();
    }

    @Override
    public KvStatistics statistics() {
      return cache.statistics();
    }

    @Override
    public void clear() {
      cache.clear();
    }

    @Override
    public KvSequence open(IsolationScope scope) {
      KvSequence sequence = cache.open(scope);
      return new KvSequence() {
        @Override
        public int reuse(int[] tokens, int limit) {
          return sequence.reuse(tokens, limit);
        }

        @Override
        public boolean reserve(int tokens) {
          check();
          return sequence.reserve(tokens);
        }

        @Override
        public int missing(int tokens) {
          return sequence.missing(tokens);
        }

        @Override
        public int room() {
          return sequence.room();
        }

        @Override
        public void commit(int[] tokens, int computed) {
          sequence.commit(tokens, computed);
        }

        @Override
        public void release() {
          check();
          sequence.release();
        }

        @Override
        public BlockTable blocks() {
          return sequence.blocks();
        }
      };
    }
  }
}

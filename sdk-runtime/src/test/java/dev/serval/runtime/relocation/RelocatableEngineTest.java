package dev.serval.runtime.relocation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.Bytes;
import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.ContinuousBatchingEngine;
import dev.serval.batching.EngineOptions;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import dev.serval.cache.PagedKvCache;
import dev.serval.testkit.CollectingSink;
import dev.serval.testkit.EngineContract;
import dev.serval.testkit.models.RecallModel;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/** An engine that has moved is an engine like any other; and what happens on the way. */
final class RelocatableEngineTest extends EngineContract {
  private static final int BLOCKS = 64;
  private static final int BLOCK_TOKENS = 4;
  private static final StepLimits LIMITS = new StepLimits(16, 4);
  private final DeviceGoneException gone =
      new DeviceGoneException(
          new Device("gpu:0", DeviceKind.GPU, "Tested", Bytes.of(1), new TreeMap<>()),
          "it fell off the bus",
          null);

  @Override
  protected Engine start(
      ModelExecutor executor,
      int blocks,
      int blockTokens,
      StepLimits limits,
      int contextLength,
      int maxWaiting) {
    Engine first = inner(executor, blocks, blockTokens, limits, contextLength, maxWaiting);
    RelocatableEngine engine = new RelocatableEngine("recall", first, System::nanoTime);
    engine.leave(gone);
    first.close();
    engine.settle(inner(executor, blocks, blockTokens, limits, contextLength, maxWaiting));
    return engine;
  }

  private static Engine inner(
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

  private static Engine fresh() {
    return inner(
        new RecallModel(VOCABULARY, BLOCKS, BLOCK_TOKENS, 4),
        BLOCKS,
        BLOCK_TOKENS,
        LIMITS,
        64,
        1000);
  }

  private RelocatableEngine leaving(Engine first) {
    return leaving(first, System::nanoTime);
  }

  private RelocatableEngine leaving(Engine first, LongSupplier clock) {
    RelocatableEngine engine = new RelocatableEngine("recall", first, clock);
    engine.leave(gone);
    return engine;
  }

  private static SequenceRequest request(int number) {
    return SequenceRequest.of("sequence-" + number, new int[] {number % VOCABULARY, 7, 11}, 12);
  }

  private static int[] expected(int number) {
    return RecallModel.continuation(VOCABULARY, request(number).prompt(), 12);
  }

  @Test
  void what_comes_on_the_way_is_served_where_the_model_settles() {
    Engine first = fresh();
    RelocatableEngine engine = leaving(first);
    CollectingSink sink = new CollectingSink();
    engine.requireAdmission(new Applicant(3, OptionalInt.of(12), 0, ServiceTerms.DEFAULT));
    engine.submit(request(1), sink);
    assertThat(engine.load().waiting()).isOne();
    first.close();
    engine.settle(fresh());
    SequenceOutcome outcome = sink.awaitEnd();
    assertThat(sink.tokens()).isEqualTo(expected(1));
    assertThat(outcome.reason()).isEqualTo(FinishReason.LENGTH);
    engine.close();
  }

  @Test
  void an_outcome_tells_of_the_first_hand_over_also_where_no_engine_was_there_yet() {
    Engine first = fresh();
    AtomicLong clock = new AtomicLong(7);
    RelocatableEngine engine = leaving(first, clock::get);
    CollectingSink sink = new CollectingSink();
    engine.submit(request(1), sink);
    first.close();
    engine.settle(fresh());
    assertThat(sink.awaitEnd().submittedNanos()).isEqualTo(7);
    engine.close();
  }

  @Test
  void what_fails_on_the_way_ends_when_it_does() {
    Engine first = fresh();
    AtomicLong clock = new AtomicLong(7);
    RelocatableEngine engine = leaving(first, clock::get);
    CollectingSink sink = new CollectingSink();
    engine.submit(request(1), sink);
    first.close();
    clock.set(11);
    engine.lose(gone);
    assertThat(sink.awaitEnd().endedNanos()).isEqualTo(11);
    engine.close();
  }

  @Test
  void what_is_cancelled_on_the_way_ends_as_cancelled() {
    Engine first = fresh();
    RelocatableEngine engine = leaving(first);
    CollectingSink sink = new CollectingSink();
    engine.submit(request(1), sink).cancel();
    first.close();
    engine.settle(fresh());
    SequenceOutcome outcome = sink.awaitEnd();
    assertThat(outcome.reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(outcome.failure()).isNull();
    engine.close();
  }

  @Test
  void closing_on_the_way_ends_what_was_kept() {
    RelocatableEngine engine = leaving(fresh());
    CollectingSink sink = new CollectingSink();
    engine.submit(request(1), sink);
    engine.close();
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(engine.load().waiting()).isZero();
  }

  @Test
  void no_more_is_kept_than_can_wait_and_nothing_where_it_drains() {
    RelocatableEngine engine = leaving(fresh());
    List<CollectingSink> sinks = new ArrayList<>();
    for (int i = 0; i < 1024; i++) {
      sinks.add(new CollectingSink());
      engine.submit(request(i), sinks.getLast());
    }
    assertThat(refusal(engine).reason()).isEqualTo(Reason.OVERLOADED);
    engine.drain();
    assertThat(refusal(engine).reason()).isEqualTo(Reason.CLOSING);
    engine.close();
    assertThat(sinks).allMatch(CollectingSink::hasEnded);
  }

  @Test
  void what_has_begun_where_the_model_was_ends_there_and_what_comes_goes_where_it_is() {
    Engine first = fresh();
    RelocatableEngine engine = new RelocatableEngine("recall", first, System::nanoTime);
    CollectingSink paused = new PausingSink();
    EngineSequence sequence = engine.submit(request(1), paused);
    paused.awaitTokens(1);
    Engine next = fresh();
    engine.settle(next);
    CollectingSink later = new CollectingSink();
    engine.submit(request(2), later);
    assertThat(later.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(later.tokens()).isEqualTo(expected(2));
    assertThat(engine.load().running()).isOne();
    sequence.resume();
    assertThat(paused.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(paused.tokens()).isEqualTo(expected(1));
    engine.close();
  }

  /** Pauses after the first token. */
  private static final class PausingSink extends CollectingSink {
    private boolean paused;

    @Override
    protected Verdict verdict(SampledToken token) {
      boolean before = paused;
      paused = true;
      return before ? Verdict.CONTINUE : Verdict.PAUSE;
    }
  }

  @Test
  void further_sequences_of_a_request_move_as_well() {
    Engine first = fresh();
    RelocatableEngine engine = leaving(first);
    CollectingSink sink = new CollectingSink();
    engine.submitFurther(request(1), sink);
    first.close();
    engine.settle(fresh());
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(sink.tokens()).isEqualTo(expected(1));
    engine.close();
  }

  @Test
  void a_model_that_is_lost_fails_what_was_kept_and_what_comes_until_it_leaves_again() {
    Engine first = fresh();
    RelocatableEngine engine = leaving(first);
    CollectingSink kept = new CollectingSink();
    engine.submit(request(1), kept);
    first.close();
    engine.lose(gone);
    assertThat(kept.awaitEnd().failure()).isSameAs(gone);
    engine.requireAdmission(new Applicant(3, OptionalInt.of(12), 0, ServiceTerms.DEFAULT));
    CollectingSink sink = new CollectingSink();
    engine.submit(request(2), sink);
    assertThat(sink.awaitEnd().failure()).isSameAs(gone);
    engine.leave(gone);
    CollectingSink again = new CollectingSink();
    engine.submit(request(3), again);
    engine.settle(fresh());
    assertThat(again.awaitEnd().failure()).isNull();
    assertThat(again.tokens()).isEqualTo(expected(3));
    engine.close();
  }

  private static RequestRejectedException refusal(Engine engine) {
    return catchThrowableOfType(
        RequestRejectedException.class, () -> engine.submit(request(1), new CollectingSink()));
  }

  @Test
  void in_any_order_of_moves_and_cancellations_each_sink_hears_one_end_and_a_whole_text_or_why_not()
      throws InterruptedException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Engine inner = fresh();
    RelocatableEngine engine = new RelocatableEngine("recall", inner, System::nanoTime);
    List<CollectingSink> sinks = new ArrayList<>();
    List<Boolean> cancelled = new ArrayList<>();
    boolean away = false;
    for (int i = 0; i < 600; i++) {
      sinks.add(new CollectingSink());
      EngineSequence sequence = engine.submit(request(i), sinks.getLast());
      cancelled.add(random.nextInt(10) == 0);
      if (cancelled.getLast()) {
        sequence.cancel();
      }
      if (!away && random.nextInt(30) == 0) {
        inner = fresh();
        engine.settle(inner);
      }
      if (random.nextInt(20) == 0) {
        engine.leave(gone);
        away = true;
      } else if (random.nextInt(10) == 0) {
        inner = moved(engine, inner);
        away = false;
      }
      if (random.nextInt(5) == 0) {
        Thread.sleep(0, random.nextInt(500_000));
      }
    }
    moved(engine, inner);
    int whole = 0;
    for (int i = 0; i < sinks.size(); i++) {
      SequenceOutcome outcome = sinks.get(i).awaitEnd();
      assertThat(sinks.get(i).breach()).as("seed %d", seed).isEmpty();
      if (outcome.reason() == FinishReason.LENGTH) {
        assertThat(sinks.get(i).tokens()).as("seed %d", seed).isEqualTo(expected(i));
        whole++;
      } else {
        assertThat(outcome.failure() == gone || cancelled.get(i)).as("seed %d", seed).isTrue();
      }
    }
    assertThat(whole).as("seed %d", seed).isPositive();
    engine.close();
  }

  /** As a deployment does: the engine that was left is closed before the next one takes over. */
  private Engine moved(RelocatableEngine engine, Engine from) {
    engine.leave(gone);
    from.close();
    Engine next = fresh();
    engine.settle(next);
    return next;
  }
}

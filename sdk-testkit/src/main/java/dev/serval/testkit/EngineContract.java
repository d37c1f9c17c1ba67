package dev.serval.testkit;

import static dev.serval.api.batching.TokenSink.Verdict.CONTINUE;
import static dev.serval.api.batching.TokenSink.Verdict.PAUSE;
import static dev.serval.api.batching.TokenSink.Verdict.STOP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.FinishReason;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.testkit.models.ForwardingModel;
import dev.serval.testkit.models.RecallModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What every {@link Engine} does. */
@Timeout(60)
public abstract class EngineContract {
  /** How many tokens the model of these tests knows. */
  protected static final int VOCABULARY = 997;

  private static final int BLOCK_TOKENS = 4;
  private static final int CONTEXT = 64;

  private final List<Engine> engines = new ArrayList<>();
  private final List<CollectingSink> sinks = new ArrayList<>();
  private final AtomicInteger ids = new AtomicInteger();

  /** Made by JUnit. */
  protected EngineContract() {}

  /**
   * A started engine with prefix reuse, first come first served.
   *
   * @param executor what it runs
   * @param blocks how many KV blocks there are
   * @param blockTokens how many tokens each holds
   * @param limits how large a step is
   * @param contextLength the model's context
   * @param maxWaiting how many sequences may wait
   * @return the engine
   */
  protected abstract Engine start(
      ModelExecutor executor,
      int blocks,
      int blockTokens,
      StepLimits limits,
      int contextLength,
      int maxWaiting);

  private Engine engine(int blocks) {
    return engine(new RecallModel(VOCABULARY, blocks, BLOCK_TOKENS, 8), blocks, 100);
  }

  private Engine engine(ModelExecutor executor, int blocks, int maxWaiting) {
    Engine engine =
        start(executor, blocks, BLOCK_TOKENS, new StepLimits(16, 8), CONTEXT, maxWaiting);
    engines.add(engine);
    return engine;
  }

  private <S extends CollectingSink> S watched(S sink) {
    sinks.add(sink);
    return sink;
  }

  private CollectingSink sink() {
    return watched(new CollectingSink());
  }

  private SequenceRequest request(int[] prompt, int maxTokens, Integer... stopTokens) {
    return builder(prompt, maxTokens).stopTokens(Set.of(stopTokens)).build();
  }

  private SequenceRequest.Builder builder(int[] prompt, int maxTokens) {
    return SequenceRequest.builder("sequence-" + ids.incrementAndGet(), prompt, maxTokens);
  }

  private static int[] prompt(int seed, int length) {
    return IntStream.range(0, length).map(i -> (seed * 31 + i * 7) % VOCABULARY).toArray();
  }

  private static int[] expected(int[] prompt, int count) {
    return RecallModel.continuation(VOCABULARY, prompt, count);
  }

  /** After each test, whatever it did, nothing is left in any engine and nobody was lied to. */
  @AfterEach
  void nothing_leaks_and_every_sink_hears_one_end() {
    engines.forEach(Engine::close);
    for (Engine engine : engines) {
      assertThat(engine.load().freeBlocks()).isEqualTo(engine.load().totalBlocks());
      assertThat(engine.load().waiting()).isZero();
      assertThat(engine.load().running()).isZero();
    }
    for (CollectingSink sink : sinks) {
      assertThat(sink.breach()).isEmpty();
      assertThat(sink.hasEnded()).isTrue();
    }
  }

  @Test
  void a_sequence_gets_its_tokens_and_then_its_end() {
    CollectingSink sink = sink();
    int[] prompt = prompt(1, 10);
    engine(40).submit(request(prompt, 20), sink);
    SequenceOutcome outcome = sink.awaitEnd();
    assertThat(sink.tokens()).isEqualTo(expected(prompt, 20));
    assertThat(outcome.reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(outcome.failure()).isNull();
    assertThat(outcome.promptTokens()).isEqualTo(10);
    assertThat(outcome.generatedTokens()).isEqualTo(20);
  }

  @Test
  void times_are_in_the_order_in_which_things_happen() {
    CollectingSink sink = sink();
    engine(40).submit(request(prompt(1, 10), 20), sink);
    SequenceOutcome outcome = sink.awaitEnd();
    assertThat(outcome.firstStepNanos()).isGreaterThanOrEqualTo(outcome.submittedNanos());
    assertThat(outcome.firstTokenNanos()).isGreaterThanOrEqualTo(outcome.firstStepNanos());
    assertThat(outcome.endedNanos()).isGreaterThanOrEqualTo(outcome.firstTokenNanos());
  }

  @Test
  void sequences_of_mixed_lengths_get_the_tokens_they_get_alone() {
    Engine engine = engine(200);
    for (int i = 0; i < 8; i++) {
      engine.submit(request(prompt(i, 1 + 5 * i), 20), sink());
    }
    for (int i = 0; i < 8; i++) {
      sinks.get(i).awaitEnd();
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(prompt(i, 1 + 5 * i), 20));
    }
  }

  @Test
  void a_beginning_that_was_computed_before_changes_no_token() {
    Engine engine = engine(40);
    int[] prompt = prompt(1, 24);
    for (int i = 0; i < 3; i++) {
      CollectingSink sink = sink();
      engine.submit(request(prompt, 20), sink);
      SequenceOutcome outcome = sink.awaitEnd();
      assertThat(outcome.cachedPromptTokens()).isEqualTo(i == 0 ? 0 : 20);
      assertThat(sink.tokens()).isEqualTo(expected(prompt, 20));
    }
  }

  @Test
  void sequences_that_do_not_all_fit_finish_all_the_same() {
    CountDownLatch allAreThere = new CountDownLatch(1);
    Engine engine = engine(held(allAreThere), 12, 100);
    for (int i = 0; i < 8; i++) {
      engine.submit(request(prompt(i, 4), 40), sink());
    }
    allAreThere.countDown();
    int preemptions = 0;
    for (int i = 0; i < 8; i++) {
      preemptions += sinks.get(i).awaitEnd().preemptions();
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(prompt(i, 4), 40));
    }
    assertThat(preemptions).isPositive();
  }

  @Test
  void a_sequence_alone_may_fill_the_whole_cache() {
    CollectingSink sink = sink();
    Engine engine = engine(5);
    assertThat(engine.maxSequenceTokens()).isEqualTo(20);
    engine.submit(request(prompt(1, 3), 100), sink);
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(sink.tokens()).isEqualTo(expected(prompt(1, 3), 17));
  }

  @Test
  void a_sequence_ends_where_the_context_ends() {
    CollectingSink sink = sink();
    Engine engine = engine(100);
    assertThat(engine.maxSequenceTokens()).isEqualTo(CONTEXT);
    engine.submit(request(prompt(1, CONTEXT - 1), 100), sink);
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(sink.tokens()).isEqualTo(expected(prompt(1, CONTEXT - 1), 1));
  }

  @Test
  void a_prompt_that_leaves_no_room_for_a_token_is_refused() {
    assertRefusal(engine(100), prompt(1, CONTEXT), "has 64 tokens", "holds 64 tokens");
    assertRefusal(engine(5), prompt(1, 20), "has 20 tokens", "holds 20 tokens");
  }

  @Test
  void a_token_that_the_model_does_not_have_is_refused() {
    assertRefusal(engine(5), new int[] {1, VOCABULARY, 2}, "997", "0 to 996");
    assertRefusal(engine(5), new int[] {-1}, "-1", "0 to 996");
  }

  private void assertRefusal(Engine engine, int[] prompt, String... words) {
    CollectingSink unheard = new CollectingSink();
    assertThatThrownBy(() -> engine.submit(request(prompt, 1), unheard))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContainingAll(words);
    assertThat(unheard.hasEnded()).isFalse();
  }

  @Test
  void a_stop_token_is_generated_and_ends_the_sequence() {
    CollectingSink sink = sink();
    int[] prompt = prompt(1, 10);
    int[] all = expected(prompt, 20);
    engine(40).submit(request(prompt, 20, all[7], VOCABULARY), sink);
    SequenceOutcome outcome = sink.awaitEnd();
    assertThat(outcome.reason()).isEqualTo(FinishReason.STOP);
    assertThat(sink.tokens())
        .endsWith(all[7])
        .isEqualTo(expected(prompt, outcome.generatedTokens()));
  }

  @Test
  void alternatives_are_drawn_as_asked_for() {
    AtomicInteger alternatives = new AtomicInteger();
    CollectingSink sink =
        watched(
            new CollectingSink() {
              @Override
              protected Verdict verdict(SampledToken token) {
                alternatives.set(token.alternatives());
                return CONTINUE;
              }
            });
    engine(40).submit(builder(prompt(1, 4), 3).alternatives(5).build(), sink);
    sink.awaitEnd();
    assertThat(alternatives).hasValue(5);
  }

  @Test
  void a_sink_may_end_its_sequence() {
    CollectingSink sink = watched(new Obeying(3, STOP));
    engine(40).submit(request(prompt(1, 10), 20), sink);
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.STOP);
    assertThat(sink.tokens()).isEqualTo(expected(prompt(1, 10), 3));
  }

  @Test
  void a_paused_sequence_waits_until_it_is_resumed() {
    Engine engine = engine(40);
    CollectingSink paused = watched(new Obeying(3, PAUSE));
    EngineSequence handle = engine.submit(request(prompt(1, 10), 20), paused);
    paused.awaitTokens(3);
    CollectingSink other = sink();
    engine.submit(request(prompt(2, 10), 30), other);
    other.awaitEnd();
    assertThat(paused.tokens()).hasSize(3);
    handle.resume();
    paused.awaitEnd();
    assertThat(paused.tokens()).isEqualTo(expected(prompt(1, 10), 20));
  }

  @Test
  void a_resumption_during_the_call_that_pauses_is_not_lost() {
    AtomicReference<EngineSequence> handle = new AtomicReference<>();
    CountDownLatch known = new CountDownLatch(1);
    CollectingSink sink =
        watched(
            new CollectingSink() {
              @Override
              protected Verdict verdict(SampledToken token) {
                await(known);
                handle.get().resume();
                return PAUSE;
              }
            });
    handle.set(engine(40).submit(request(prompt(1, 10), 20), sink));
    known.countDown();
    sink.awaitEnd();
    assertThat(sink.tokens()).isEqualTo(expected(prompt(1, 10), 20));
  }

  @Test
  void slow_readers_do_not_keep_others_from_running() {
    Engine engine = engine(10);
    List<EngineSequence> handles = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      CollectingSink slow = watched(new Obeying(2, PAUSE));
      handles.add(engine.submit(request(prompt(i, 8), 10), slow));
    }
    CollectingSink quick = sink();
    engine.submit(request(prompt(99, 10), 30), quick);
    quick.awaitEnd();
    assertThat(quick.tokens()).isEqualTo(expected(prompt(99, 10), 30));
    handles.forEach(EngineSequence::resume);
    for (int i = 0; i < 20; i++) {
      sinks.get(i).awaitTokens(2);
      handles.get(i).resume();
      sinks.get(i).awaitEnd();
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(prompt(i, 8), 10));
    }
  }

  @Test
  void a_cancelled_sequence_ends_and_frees_its_blocks() {
    Engine engine = engine(40);
    CollectingSink running = watched(new Obeying(3, PAUSE));
    EngineSequence handle = engine.submit(request(prompt(1, 10), 20), running);
    running.awaitTokens(3);
    handle.cancel();
    SequenceOutcome outcome = running.awaitEnd();
    assertThat(outcome.reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(outcome.failure()).isNull();
    assertThat(outcome.generatedTokens()).isEqualTo(3);
    assertThat(engine.load().freeBlocks()).isEqualTo(40);
    handle.cancel();
    handle.resume();
  }

  @Test
  void a_sequence_may_be_cancelled_before_it_begins() {
    CountDownLatch gate = new CountDownLatch(1);
    Engine engine = engine(held(gate), 40, 100);
    engine.submit(request(prompt(1, 10), 5), sink());
    CollectingSink waiting = sink();
    engine.submit(request(prompt(2, 10), 5), waiting).cancel();
    gate.countDown();
    assertThat(waiting.awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(waiting.tokens()).isEmpty();
  }

  @Test
  void a_sink_that_throws_fails_its_own_sequence_alone() {
    Engine engine = engine(40);
    IllegalStateException failure = new IllegalStateException("broken pipe");
    CollectingSink broken =
        watched(
            new CollectingSink() {
              @Override
              protected Verdict verdict(SampledToken token) {
                throw failure;
              }
            });
    CollectingSink other = sink();
    engine.submit(request(prompt(1, 10), 20), broken);
    engine.submit(request(prompt(2, 10), 20), other);
    assertThat(broken.awaitEnd().failure()).isSameAs(failure);
    assertThat(broken.awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(other.awaitEnd().failure()).isNull();
    assertThat(other.tokens()).isEqualTo(expected(prompt(2, 10), 20));
  }

  @Test
  void a_sink_that_throws_at_the_end_harms_nobody() {
    Engine engine = engine(40);
    CollectingSink broken =
        watched(
            new CollectingSink() {
              @Override
              protected void afterEnd(SequenceOutcome end) {
                throw new IllegalStateException("a sink that throws at its end, as a test");
              }
            });
    engine.submit(request(prompt(1, 10), 20), broken);
    broken.awaitEnd();
    CollectingSink next = sink();
    engine.submit(request(prompt(2, 10), 20), next);
    assertThat(next.awaitEnd().failure()).isNull();
  }

  @Test
  void a_step_that_fails_ends_its_sequences_and_the_engine_goes_on() {
    RuntimeException failure = new IllegalStateException("the device fell off the bus");
    AtomicInteger steps = new AtomicInteger();
    Engine engine =
        engine(
            new ForwardingModel(new RecallModel(VOCABULARY, 40, BLOCK_TOKENS, 8)) {
              @Override
              public Logits execute(StepBatch batch) {
                if (steps.incrementAndGet() == 5) {
                  throw failure;
                }
                return super.execute(batch);
              }
            },
            40,
            100);
    CollectingSink failed = sink();
    engine.submit(request(prompt(1, 10), 20), failed);
    assertThat(failed.awaitEnd().failure()).isSameAs(failure);
    assertThat(engine.load().freeBlocks()).isEqualTo(40);
    CollectingSink next = sink();
    engine.submit(request(prompt(1, 10), 20), next);
    assertThat(next.awaitEnd().failure()).isNull();
    assertThat(next.tokens()).isEqualTo(expected(prompt(1, 10), 20));
  }

  @Test
  void no_more_are_admitted_than_may_wait_however_many_ask_at_once() throws InterruptedException {
    CountDownLatch gate = new CountDownLatch(1);
    CountDownLatch busy = new CountDownLatch(1);
    Engine engine =
        engine(
            new ForwardingModel(new RecallModel(VOCABULARY, 40, BLOCK_TOKENS, 8)) {
              @Override
              public Logits execute(StepBatch batch) {
                busy.countDown();
                await(gate);
                return super.execute(batch);
              }
            },
            40,
            10);
    engine.submit(request(prompt(1, 10), 5), sink());
    await(busy);
    AtomicInteger admitted = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      List<CollectingSink> own =
          IntStream.range(0, 20).mapToObj(j -> new CollectingSink()).toList();
      callers.add(
          Thread.ofPlatform()
              .start(() -> {
                for (CollectingSink sink : own) {
                  try {
                    engine.submit(request(prompt(2, 10), 5), sink);
                    admitted.incrementAndGet();
                  } catch (RequestRejectedException e) {
                    assertThat(e.reason()).isEqualTo(Reason.OVERLOADED);
                    refused.incrementAndGet();
                  }
                }
              }));
    }
    for (Thread caller : callers) {
      caller.join();
    }
    assertThat(admitted).hasValue(10);
    assertThat(refused).hasValue(150);
    assertThat(engine.load().waiting()).isEqualTo(10);
    gate.countDown();
  }

  @Test
  void a_draining_engine_takes_no_more_and_finishes_what_it_has() {
    Engine engine = engine(40);
    CollectingSink last = sink();
    engine.submit(request(prompt(1, 10), 40), last);
    engine.drain();
    assertClosing(engine);
    assertThat(last.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(last.tokens()).isEqualTo(expected(prompt(1, 10), 40));
  }

  private void assertClosing(Engine engine) {
    RequestRejectedException refusal =
        catchThrowableOfType(
            RequestRejectedException.class,
            () -> engine.submit(request(prompt(1, 10), 5), new CollectingSink()));
    assertThat(refusal.reason()).isEqualTo(Reason.CLOSING);
  }

  @Test
  void closing_cancels_what_waits_runs_and_is_paused() {
    Engine engine = engine(8);
    for (int i = 0; i < 10; i++) {
      CollectingSink sink = watched(new Obeying(3, i % 2 == 0 ? PAUSE : CONTINUE));
      engine.submit(request(prompt(i, 10), 1000), sink);
    }
    sinks.getFirst().awaitTokens(1);
    engine.close();
    for (CollectingSink sink : sinks) {
      assertThat(sink.hasEnded()).as("when close returns").isTrue();
      assertThat(sink.awaitEnd().failure()).isNull();
    }
    assertThat(sinks.getFirst().awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    assertClosing(engine);
    engine.close();
    engine.drain();
  }

  @Test
  void many_may_close_at_once() throws InterruptedException {
    Engine engine = engine(40);
    engine.submit(request(prompt(1, 10), 40), sink());
    List<Thread> closers =
        IntStream.range(0, 4).mapToObj(i -> Thread.ofPlatform().start(engine::close)).toList();
    for (Thread closer : closers) {
      closer.join();
    }
    assertThat(sinks.getFirst().hasEnded()).isTrue();
  }

  @Test
  void a_sink_may_close_the_engine_that_calls_it() {
    Engine engine = engine(40);
    CollectingSink sink =
        watched(
            new CollectingSink() {
              @Override
              protected Verdict verdict(SampledToken token) {
                engine.close();
                return CONTINUE;
              }
            });
    engine.submit(request(prompt(1, 10), 20), sink);
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.CANCELLED);
    engine.close();
    assertClosing(engine);
  }

  @Test
  void a_sink_may_submit_when_it_is_called() {
    Engine engine = engine(40);
    CollectingSink second = sink();
    CollectingSink first =
        watched(
            new CollectingSink() {
              @Override
              protected void afterEnd(SequenceOutcome end) {
                engine.submit(request(prompt(2, 10), 5), second);
              }
            });
    engine.submit(request(prompt(1, 10), 5), first);
    second.awaitEnd();
    assertThat(second.tokens()).isEqualTo(expected(prompt(2, 10), 5));
  }

  @Test
  void an_idle_engine_wakes_for_each_new_sequence() {
    Engine engine = engine(40);
    for (int i = 0; i < 200; i++) {
      CollectingSink sink = sink();
      engine.submit(request(prompt(i, 4), 1), sink);
      sink.awaitEnd();
    }
  }

  private static ModelExecutor held(CountDownLatch gate) {
    return new ForwardingModel(new RecallModel(VOCABULARY, 40, BLOCK_TOKENS, 8)) {
      @Override
      public Logits execute(StepBatch batch) {
        await(gate);
        return super.execute(batch);
      }
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Gives a verdict at one token, and goes on at all others. */
  private static final class Obeying extends CollectingSink {
    private final int at;
    private final Verdict verdict;
    private int count;

    Obeying(int at, Verdict verdict) {
      this.at = at;
      this.verdict = verdict;
    }

    @Override
    protected Verdict verdict(SampledToken token) {
      return ++count == at ? verdict : CONTINUE;
    }
  }
}

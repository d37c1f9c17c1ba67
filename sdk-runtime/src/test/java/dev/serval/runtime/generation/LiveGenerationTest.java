package dev.serval.runtime.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.ChatMessage;
import dev.serval.api.FinishReason;
import dev.serval.api.GenerationFailedException;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.TokenLogprob;
import dev.serval.api.Usage;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Refusal;
import dev.serval.api.model.AnswerDecoder;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TokenDecoder;
import dev.serval.api.model.Tokenizer;
import dev.serval.runtime.generation.ScriptedEngine.Scripted;
import dev.serval.runtime.tracing.GenerationTracer.Trace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A generation as its engine, driven by the test, and its reader see it. */
final class LiveGenerationTest {
  private final AtomicLong clock = new AtomicLong(1000);
  private final AdmissionPolicy admission = (applicant, load) -> Optional.empty();
  private final ScriptedEngine engine = new ScriptedEngine(admission, clock::get);
  private final List<LiveGeneration> ended = new ArrayList<>();
  private final List<GenerationResult> traced = new ArrayList<>();
  private Executor delivery = Delivery.onVirtualThreads();
  private GenerationListener listener = GenerationListener.NONE;
  private TextCodec codec = new TextCodec(new ByteTokenizer(), Optional.empty());
  private int encoding;
  private int buffer = 100;

  @Test
  void each_token_comes_as_a_chunk_with_its_text() {
    LiveGeneration generation = begin(request().maxTokens(3));
    engine.sequences.getFirst().text("abc");
    List<TokenChunk> chunks = all(generation);
    assertThat(chunks).extracting(TokenChunk::text).containsExactly("a", "b", "c");
    assertThat(chunks)
        .extracting(TokenChunk::tokenIds)
        .containsExactly(List.of((int) 'a'), List.of((int) 'b'), List.of((int) 'c'));
    assertThat(chunks)
        .extracting(TokenChunk::finish)
        .containsExactly(null, null, FinishReason.LENGTH);
  }

  /** Digits are what the model thinks. */
  private static AnswerDecoder thinkingInDigits(Tokenizer tokenizer, int[] prompt) {
    TokenDecoder decoder = tokenizer.decoder();
    return new AnswerDecoder() {
      @Override
      public Piece next(int id) {
        String text = decoder.next(id);
        return Character.isDigit(id) ? Piece.reasoning(text) : Piece.text(text);
      }

      @Override
      public Piece finish() {
        return Piece.text(decoder.finish());
      }
    };
  }

  @Test
  void thoughts_of_a_conversation_come_apart_and_stop_strings_are_not_looked_for_in_them() {
    codec =
        new TextCodec(
            new ByteTokenizer(),
            Optional.of((chat, generate) -> chat.messages().getFirst().content()),
            Optional.of(LiveGenerationTest::thinkingInDigits));
    LiveGeneration generation =
        begin(
            GenerationRequest.builder(Prompt.chat(ChatMessage.user("pq")))
                .stopStrings(List.of("2", "d"))
                .maxTokens(9));
    engine.sequences.getFirst().text("12ab3cd");
    List<TokenChunk> chunks = all(generation);
    assertThat(chunks)
        .extracting(TokenChunk::reasoning)
        .containsExactly("1", "2", "", "", "3", "", "");
    assertThat(chunks).extracting(TokenChunk::text).containsExactly("", "", "a", "b", "", "c", "");
    GenerationResult.Choice choice = result(generation).choices().getFirst();
    assertThat(choice.text()).isEqualTo("abc");
    assertThat(choice.reasoning()).isEqualTo("123");
    assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void the_result_tells_text_tokens_usage_and_timings() {
    LiveGeneration generation = begin(request().maxTokens(3));
    Scripted sequence = engine.sequences.getFirst();
    clock.addAndGet(50);
    sequence.text("a");
    clock.addAndGet(7);
    sequence.text("b");
    clock.addAndGet(9);
    sequence.text("c");
    GenerationResult result = result(generation);
    assertThat(result.text()).isEqualTo("abc");
    assertThat(result.choices().getFirst().tokenIds())
        .containsExactly((int) 'a', (int) 'b', (int) 'c');
    assertThat(result.promptTokenIds()).containsExactly((int) 'p', (int) 'q');
    assertThat(result.usage()).isEqualTo(new Usage(2, 2, 3));
    assertThat(result.timings().timeToFirstToken()).isEqualTo(Duration.ofNanos(50));
    assertThat(result.timings().gaps()).containsExactly(Duration.ofNanos(7), Duration.ofNanos(9));
    assertThat(result.timings().total()).isEqualTo(Duration.ofNanos(66));
    assertThat(ended).containsExactly(generation);
  }

  @Test
  void a_timeline_goes_from_the_submission_until_the_result_is_complete() {
    encoding = 5;
    deliveryTakes(8);
    LiveGeneration generation = begin(request().maxTokens(2).explained(true));
    clock.addAndGet(50);
    engine.sequences.getFirst().text("ab");

    GenerationResult result = result(generation);
    assertThat(spans(result, 0)).containsExactly("SUBMISSION 0-5", "DECODE 5-55", "DELIVERY 55-63");
    assertThat(result.timings().total()).isEqualTo(Duration.ofNanos(50));
  }

  @Test
  void each_choice_tells_what_it_owes_to_the_others() {
    encoding = 5;
    deliveryTakes(8);
    LiveGeneration generation = begin(request().choices(3).maxTokens(2).explained(true));
    clock.addAndGet(20);
    engine.sequences.getFirst().text("a");
    clock.addAndGet(10);
    engine.sequences.get(2).text("ef");
    clock.addAndGet(10);
    engine.sequences.get(0).text("b");
    clock.addAndGet(10);
    engine.sequences.get(1).text("cd");

    GenerationResult result = result(generation);
    assertThat(spans(result, 0))
        .containsExactly("SUBMISSION 0-5", "DECODE 5-45", "OTHER_CHOICES 45-55", "DELIVERY 55-63");
    assertThat(spans(result, 1))
        .containsExactly("SUBMISSION 0-5", "SHARED_PROMPT 5-25", "DECODE 25-55", "DELIVERY 55-63");
    assertThat(spans(result, 2))
        .containsExactly(
            "SUBMISSION 0-5",
            "SHARED_PROMPT 5-25",
            "DECODE 25-35",
            "OTHER_CHOICES 35-55",
            "DELIVERY 55-63");
  }

  @Test
  void choices_that_are_cancelled_before_they_began_have_a_timeline_too() {
    encoding = 5;
    LiveGeneration generation = begin(request().choices(2).explained(true));
    clock.addAndGet(20);
    generation.close();
    engine.sequences.getFirst().endIfCancelled();

    GenerationResult result = result(generation);
    assertThat(spans(result, 0)).containsExactly("SUBMISSION 0-5", "DECODE 5-25");
    assertThat(spans(result, 1)).containsExactly("SUBMISSION 0-5", "SHARED_PROMPT 5-25");
  }

  @Test
  void who_follows_a_generation_that_fails_is_told_where_its_time_went() {
    encoding = 5;
    listener = following();
    LiveGeneration generation = begin(request());
    clock.addAndGet(20);
    engine.sequences.getFirst().fail(new IllegalStateException("no power"));

    assertThatExceptionOfType(CompletionException.class).isThrownBy(() -> result(generation));
    assertThat(spans(traced.getFirst(), 0)).containsExactly("SUBMISSION 0-5", "DECODE 5-25");
  }

  @Test
  void what_only_another_asked_to_be_told_the_caller_is_not() {
    listener = following();
    LiveGeneration generation = begin(request().maxTokens(1));
    engine.sequences.getFirst().text("a");

    assertThat(result(generation).timelines()).isEmpty();
    assertThat(traced.getFirst().timelines()).hasSize(1);
  }

  @Test
  void the_clock_is_not_read_for_a_submission_that_nobody_asks_about() {
    LongSupplier unread =
        () -> {
          throw new AssertionError("it was read");
        };
    GenerationEnvironment environment =
        new GenerationEnvironment(engine, codec, unread, delivery, buffer, listener);

    assertThat(Submission.of("r1", request().build(), environment).explained()).isFalse();
  }

  private void deliveryTakes(int nanos) {
    delivery =
        task -> {
          clock.addAndGet(nanos);
          Delivery.onVirtualThreads().execute(task);
        };
  }

  private GenerationListener following() {
    Trace trace =
        new Trace() {
          @Override
          public boolean explained() {
            return true;
          }

          @Override
          public void refused(Throwable reason) {}

          @Override
          public void ended(GenerationResult result, @Nullable Throwable failure) {
            traced.add(result);
          }
        };
    return new GenerationListener() {
      @Override
      public Trace submitted(String id, GenerationRequest request) {
        return trace;
      }
    };
  }

  private static List<String> spans(GenerationResult result, int choice) {
    return result.timelines().get(choice).spans().stream()
        .map(span -> span.cause() + " " + span.start().toNanos() + "-" + span.end().toNanos())
        .toList();
  }

  @Test
  void a_character_of_several_tokens_comes_whole() {
    LiveGeneration generation = begin(request().maxTokens(5));
    engine.sequences.getFirst().text("\u20AC!?");
    assertThat(all(generation))
        .extracting(TokenChunk::text)
        .containsExactly("", "", "\u20AC", "!", "?");
  }

  @Test
  void a_character_that_is_never_completed_shows_as_a_replacement() {
    LiveGeneration generation = begin(request().maxTokens(2));
    engine.sequences.getFirst().token(0xE2);
    engine.sequences.getFirst().token(0x82);
    assertThat(text(all(generation))).isEqualTo("\uFFFD");
  }

  @Test
  void the_models_own_end_gives_no_text_and_is_among_the_tokens() {
    LiveGeneration generation = begin(request());
    engine.sequences.getFirst().text("ab");
    engine.sequences.getFirst().token(ByteTokenizer.END);
    GenerationResult.Choice choice = result(generation).choices().getFirst();
    assertThat(choice.text()).isEqualTo("ab");
    assertThat(choice.tokenIds()).endsWith(ByteTokenizer.END);
    assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void a_stop_token_of_the_callers_keeps_its_text() {
    LiveGeneration generation = begin(request().stopTokenIds(Set.of((int) 'x')));
    engine.sequences.getFirst().text("abx");
    assertThat(result(generation).text()).isEqualTo("abx");
  }

  @Test
  void a_stop_string_ends_the_choice_and_nothing_of_it_is_ever_shown() {
    LiveGeneration generation = begin(request().stopStrings(List.of("END")));
    engine.sequences.getFirst().text("so ENd it is ENDed");
    List<TokenChunk> chunks = all(generation);
    assertThat(text(chunks)).isEqualTo("so ENd it is ");
    assertThat(chunks.getLast().finish()).isEqualTo(FinishReason.STOP);
    assertThat(chunks.getLast().tokenIds()).containsExactly((int) 'D');
    assertThat(engine.sequences.getFirst().ended).isTrue();
    assertThat(result(generation).choices().getFirst().tokenIds())
        .hasSize("so ENd it is END".length());
  }

  @Test
  void a_stop_string_that_is_complete_with_the_last_token_allowed_is_the_reason_told() {
    LiveGeneration generation = begin(request().maxTokens(2).stopStrings(List.of("ab")));
    engine.sequences.getFirst().text("ab");
    assertThat(result(generation).choices().getFirst().finishReason()).isEqualTo(FinishReason.STOP);
    assertThat(result(generation).text()).isEmpty();
  }

  @Test
  void what_was_held_back_for_a_stop_string_is_shown_at_the_end() {
    LiveGeneration generation = begin(request().maxTokens(4).stopStrings(List.of("END")));
    engine.sequences.getFirst().text("aaEN");
    assertThat(text(all(generation))).isEqualTo("aaEN");
  }

  @Test
  void probabilities_come_with_texts_also_for_tokens_the_tokenizer_does_not_know() {
    LiveGeneration generation = begin(request().maxTokens(1).logprobs(2));
    SampledToken token = new SampledToken(2);
    token.set('a', -0.5f);
    token.addAlternative('a', -0.5f);
    token.addAlternative(300, -2f);
    engine.sequences.getFirst().token(token);
    assertThat(all(generation).getFirst().logprobs())
        .containsExactly(
            new TokenLogprob(
                'a',
                "a",
                -0.5,
                List.of(
                    new TokenLogprob.Alternative('a', "a", -0.5),
                    new TokenLogprob.Alternative(300, "", -2))));
    assertThat(result(generation).choices().getFirst().logprobs()).hasSize(1);
  }

  @Test
  void a_stream_that_nobody_follows_pauses_at_its_buffer_and_goes_on_for_a_reader() {
    buffer = 4;
    LiveGeneration generation = begin(request().maxTokens(100));
    Scripted sequence = engine.sequences.getFirst();
    sequence.text("abcdefgh");
    assertThat(sequence.generated).isEqualTo(4);
    assertThat(sequence.paused).isTrue();
    Iterator<TokenChunk> reader = generation.iterator();
    assertThat(reader.next().text()).isEqualTo("a");
    assertThat(sequence.paused).isTrue();
    assertThat(reader.next().text()).isEqualTo("b");
    assertThat(sequence.paused).isFalse();
    assertThat(sequence.resumptions).isEqualTo(1);
  }

  @Test
  void asking_for_the_result_lets_a_stream_that_nobody_follows_run() {
    buffer = 4;
    LiveGeneration generation = begin(request().maxTokens(8));
    Scripted sequence = engine.sequences.getFirst();
    sequence.text("abcd");
    CompletionStage<GenerationResult> stage = generation.result();
    assertThat(sequence.paused).isFalse();
    sequence.text("efgh");
    assertThat(stage.toCompletableFuture().join().text()).isEqualTo("abcdefgh");
    assertThat(generation.result()).isSameAs(stage);
    assertThat(text(all(generation))).as("a late reader").isEqualTo("abcdefgh");
  }

  @Test
  void a_reader_holds_its_stream_back_even_when_the_result_was_asked_for() {
    buffer = 2;
    LiveGeneration generation = begin(request().maxTokens(8));
    Scripted sequence = engine.sequences.getFirst();
    var _ = generation.iterator();
    generation.result();
    sequence.text("abcd");
    assertThat(sequence.generated).isEqualTo(2);
  }

  @Test
  void there_is_one_reader_only() {
    LiveGeneration generation = begin(request());
    var _ = generation.iterator();
    assertThatIllegalStateException()
        .isThrownBy(generation::iterator)
        .withMessageContaining("has a reader already");
  }

  @Test
  void closing_cancels_and_tells_what_there_was() {
    LiveGeneration generation = begin(request());
    Scripted sequence = engine.sequences.getFirst();
    sequence.text("ab");
    generation.close();
    generation.close();
    sequence.endIfCancelled();
    List<TokenChunk> chunks = all(generation);
    assertThat(text(chunks)).isEqualTo("ab");
    assertThat(chunks.getLast().finish()).isEqualTo(FinishReason.CANCELLED);
    assertThat(result(generation).choices().getFirst().finishReason())
        .isEqualTo(FinishReason.CANCELLED);
  }

  @Test
  void a_failure_reaches_reader_and_result_after_what_there_was() {
    LiveGeneration generation = begin(request());
    Scripted sequence = engine.sequences.getFirst();
    sequence.text("a");
    sequence.fail(new IllegalStateException("no power"));
    Iterator<TokenChunk> reader = generation.iterator();
    assertThat(reader.next().text()).isEqualTo("a");
    assertThatExceptionOfType(GenerationFailedException.class)
        .isThrownBy(reader::hasNext)
        .withMessageContaining("r1 failed: no power")
        .withCauseInstanceOf(IllegalStateException.class);
    assertThatExceptionOfType(CompletionException.class)
        .isThrownBy(() -> result(generation))
        .withCauseInstanceOf(GenerationFailedException.class);
    assertThat(ended).containsExactly(generation);
  }

  @Test
  void dependants_of_the_result_see_the_failure_itself() {
    LiveGeneration generation = begin(request());
    engine.sequences.getFirst().fail(new IllegalStateException("no power"));
    assertThat(generation.result().handle((_, e) -> e).toCompletableFuture().join())
        .isInstanceOf(GenerationFailedException.class);
  }

  @Test
  void further_choices_begin_when_the_first_has_computed_the_prompt() {
    LiveGeneration generation = begin(request().choices(3).maxTokens(2));
    assertThat(engine.sequences).hasSize(1);
    engine.sequences.getFirst().text("a");
    assertThat(engine.sequences).hasSize(3);
    engine.sequences.get(2).text("ef");
    engine.sequences.get(1).text("cd");
    engine.sequences.get(0).text("b");
    List<TokenChunk> chunks = all(generation);
    assertThat(chunks).extracting(TokenChunk::choice).containsExactly(0, 2, 2, 1, 1, 0);
    GenerationResult result = result(generation);
    assertThat(result.choices())
        .extracting(GenerationResult.Choice::text)
        .containsExactly("ab", "cd", "ef");
    assertThat(result.usage()).isEqualTo(new Usage(2, 2, 6));
  }

  @Test
  void choices_that_never_began_end_with_the_first() {
    LiveGeneration generation = begin(request().choices(3));
    generation.close();
    engine.sequences.getFirst().endIfCancelled();
    assertThat(result(generation).choices())
        .extracting(GenerationResult.Choice::finishReason)
        .containsOnly(FinishReason.CANCELLED)
        .hasSize(3);
    assertThat(all(generation)).hasSize(3);
    assertThat(ended).containsExactly(generation);
  }

  @Test
  void closing_between_the_first_token_and_the_others_cancels_those_too() {
    LiveGeneration generation = begin(request().choices(2));
    generation.close();
    engine.sequences.getFirst().cancelled = false; // the engine has not looked yet
    engine.sequences.getFirst().text("a");
    assertThat(engine.sequences.get(1).cancelled).isTrue();
  }

  @Test
  void an_engine_that_closes_before_the_other_choices_begin_cancels_them() {
    LiveGeneration generation = begin(request().choices(3));
    engine.drain();
    engine.sequences.getFirst().text("a");
    assertThat(engine.sequences).hasSize(1);
    engine.close();
    assertThat(result(generation).choices())
        .extracting(GenerationResult.Choice::text)
        .containsExactly("a", "", "");
  }

  @Test
  void one_choice_that_fails_fails_the_whole_and_cancels_the_others() {
    LiveGeneration generation = begin(request().choices(2));
    engine.sequences.get(0).text("a");
    engine.sequences.get(1).fail(new IllegalStateException("no power"));
    assertThat(engine.sequences.get(0).cancelled).isTrue();
    assertThat(ended).isEmpty();
    engine.sequences.get(0).endIfCancelled();
    assertThat(ended).containsExactly(generation);
    assertThatExceptionOfType(CompletionException.class).isThrownBy(() -> result(generation));
  }

  @Test
  void admission_is_asked_about_a_request_once_however_many_choices_it_has() {
    AdmissionPolicy strict =
        (applicant, load) ->
            load.running() == 0 ? Optional.empty() : Optional.of(Refusal.overloaded("full", null));
    ScriptedEngine small = new ScriptedEngine(strict, clock::get);
    begin(request().choices(3), small);
    small.sequences.getFirst().text("a");
    assertThat(small.sequences).hasSize(3);
    assertThatExceptionOfType(RequestRejectedException.class)
        .isThrownBy(() -> begin(request(), small))
        .withMessage("full");
  }

  @Test
  void a_waiting_reader_that_is_interrupted_is_told_so_and_stays_interrupted() {
    LiveGeneration generation = begin(request());
    Iterator<TokenChunk> reader = generation.iterator();
    Thread.currentThread().interrupt();
    assertThatThrownBy(reader::hasNext).isInstanceOf(CancellationException.class);
    assertThat(Thread.interrupted()).isTrue();
    engine.sequences.getFirst().text("a");
    assertThat(reader.next().text()).isEqualTo("a");
  }

  @Test
  void no_code_of_the_application_runs_on_the_engines_thread() {
    LiveGeneration generation = begin(request().maxTokens(1));
    Thread engineThread = Thread.currentThread();
    CompletionStage<Thread> completedOn =
        generation.result().thenApply(_ -> Thread.currentThread());
    engine.sequences.getFirst().text("a");
    assertThat(completedOn.toCompletableFuture().join()).isNotSameAs(engineThread);
  }

  private static GenerationRequest.Builder request() {
    return GenerationRequest.builder(Prompt.tokens('p', 'q'));
  }

  private LiveGeneration begin(GenerationRequest.Builder request) {
    return begin(request, engine);
  }

  private LiveGeneration begin(GenerationRequest.Builder request, ScriptedEngine on) {
    RequestPreparation preparation = new RequestPreparation("demo", codec, 400, 1000, () -> 1);
    GenerationEnvironment environment =
        new GenerationEnvironment(on, codec, clock::get, delivery, buffer, listener);
    Submission submission = Submission.of("r1", request.build(), environment);
    clock.addAndGet(encoding);
    LiveGeneration generation =
        new LiveGeneration(
            preparation.prepare("r1", request.build()), environment, submission, ended::add);
    generation.begin();
    return generation;
  }

  private static GenerationResult result(LiveGeneration generation) {
    return generation.result().toCompletableFuture().join();
  }

  private static List<TokenChunk> all(LiveGeneration generation) {
    List<TokenChunk> chunks = new ArrayList<>();
    generation.forEach(chunks::add);
    return chunks;
  }

  private static String text(List<TokenChunk> chunks) {
    return chunks.stream().map(TokenChunk::text).collect(Collectors.joining());
  }
}

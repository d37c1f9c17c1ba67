package dev.serval.runtime.generation;

import dev.serval.api.Generation;
import dev.serval.api.GenerationFailedException;
import dev.serval.api.GenerationResult;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.TokenChunk;
import dev.serval.api.Usage;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/*
 * A generation in an engine.
 *
 * Choice 0 is handed over by the caller. The others are handed over from the engine's thread when
 * choice 0 has its first token: then the prompt's full blocks are published, and the others find them.
 * So at any time the choices below `handedOver` are the engine's, and it ends each of them exactly
 * once; those above are ended here, when choice 0 has ended without ever having a token.
 *
 * The end of the last choice concludes the generation: the stream ends on the engine's thread, which
 * only changes the buffer; whatever runs the application's code is sent to the delivery executor.
 *
 * Everything but the buffer, the handles and the result belongs to the engine's thread. What it leaves
 * behind is read by the delivery of the result, which comes after.
 */
/** A generation as it runs. */
public final class LiveGeneration implements Generation {
  private final PreparedRequest request;
  private final GenerationEnvironment environment;
  private final Submission submission;
  private final Consumer<LiveGeneration> whenEnded;
  private final ChunkBuffer buffer;
  private final TokenTimes times;
  private final List<Choice> choices;
  private final CompletableFuture<GenerationResult> result = new CompletableFuture<>();
  private int handedOver = 1;
  private int ended;
  private @Nullable GenerationFailedException failure;

  /**
   * A generation that has yet to {@linkplain #begin begin}.
   *
   * @param request what to generate
   * @param environment what it shares with others of its model
   * @param submission when it was submitted, and who follows it
   * @param whenEnded told once, on the engine's thread, when no choice is in the engine any more
   */
  public LiveGeneration(
      PreparedRequest request,
      GenerationEnvironment environment,
      Submission submission,
      Consumer<LiveGeneration> whenEnded) {
    this.request = request;
    this.environment = environment;
    this.submission = submission;
    this.whenEnded = whenEnded;
    this.buffer = new ChunkBuffer(environment.bufferTokens());
    this.times = new TokenTimes(environment.clock());
    StopStrings stops = new StopStrings(request.request().stopStrings());
    this.choices =
        IntStream.range(0, request.request().choices())
            .mapToObj(i -> new Choice(i, request, stops, environment.codec(), this))
            .toList();
  }

  /**
   * Hands the first choice to the engine. Called once, by whoever made it.
   *
   * @throws RequestRejectedException when the engine does not take it
   */
  public void begin() {
    times.submitted();
    Choice first = choices.getFirst();
    first.sequence().bind(environment.engine().submit(sequence(first), first));
  }

  private SequenceRequest sequence(Choice choice) {
    return request.sequence(choice.index(), submission.explained());
  }

  @Override
  public String id() {
    return request.id();
  }

  @Override
  public CompletionStage<GenerationResult> result() {
    buffer.letRun();
    return result;
  }

  @Override
  public Iterator<TokenChunk> iterator() {
    if (!buffer.claim(() -> {})) {
      throw secondReader();
    }
    return new ChunkIterator(id(), buffer);
  }

  @Override
  public void subscribe(Flow.Subscriber<? super TokenChunk> subscriber) {
    ChunkSubscription subscription =
        new ChunkSubscription(subscriber, buffer, environment.delivery(), this::close);
    if (buffer.claim(subscription::signal)) {
      subscription.signal();
    } else {
      environment.delivery().execute(() -> ChunkSubscription.refuse(subscriber, secondReader()));
    }
  }

  private IllegalStateException secondReader() {
    return new IllegalStateException("generation " + id() + " has a reader already");
  }

  @Override
  public void close() {
    choices.forEach(choice -> choice.sequence().cancel());
  }

  /** A choice drew a token. */
  void drew(Choice choice) {
    if (choice.index() != 0) {
      return;
    }
    times.token();
    if (choice.tokenCount() == 1) {
      environment.listener().firstToken(request, times.untilFirst());
      beginOthers();
    }
  }

  private void beginOthers() {
    try {
      for (; handedOver < choices.size(); handedOver++) {
        handOverFurther(choices.get(handedOver));
      }
    } catch (RequestRejectedException closing) {
      // What could not be handed over ends with choice 0.
    }
  }

  private void handOverFurther(Choice choice) {
    choice.sequence().bind(environment.engine().submitFurther(sequence(choice), choice));
  }

  /** A choice has a chunk for the reader. */
  TokenSink.Verdict put(TokenChunk chunk, Choice choice) {
    return failure == null ? buffer.put(chunk, choice.sequence()) : TokenSink.Verdict.CONTINUE;
  }

  /** A choice is no longer in the engine. */
  void ended(Choice choice, @Nullable Throwable reason) {
    if (reason != null && failure == null) {
      failure = failed(reason);
      close();
    }
    if (choice.index() == 0) {
      endOthers(choice.outcome().endedNanos());
    }
    if (++ended == choices.size()) {
      conclude();
    }
  }

  private void endOthers(long now) {
    while (handedOver < choices.size()) {
      Choice never = choices.get(handedOver++);
      never.ended(SequenceOutcome.givenUp(request.prompt().length, now, now));
    }
  }

  private GenerationFailedException failed(Throwable reason) {
    return reason instanceof GenerationFailedException told
        ? told
        : new GenerationFailedException(
            "generation " + id() + " failed: " + reason.getMessage(), reason);
  }

  private void conclude() {
    buffer.end(failure);
    whenEnded.accept(this);
    environment.delivery().execute(this::deliverResult);
  }

  private void deliverResult() {
    GenerationResult outcome = outcome();
    environment.listener().ended(request, outcome, failure);
    submission.trace().ended(explained(outcome, submission.trace().explained()), failure);
    if (failure == null) {
      result.complete(explained(outcome, request.request().explained()));
    } else {
      result.completeExceptionally(failure);
    }
  }

  private GenerationResult explained(GenerationResult outcome, boolean wanted) {
    if (!wanted) {
      return outcome;
    }
    CallerTimelines timelines = new CallerTimelines(environment.clock(), submission.nanos());
    return outcome.explained(timelines.of(choices.stream().map(Choice::outcome).toList()));
  }

  private GenerationResult outcome() {
    SequenceOutcome first = choices.getFirst().outcome();
    long end = choices.stream().mapToLong(c -> c.outcome().endedNanos()).max().orElseThrow();
    int generated = choices.stream().mapToInt(Choice::tokenCount).sum();
    int drafted = choices.stream().mapToInt(c -> c.outcome().draftedTokens()).sum();
    int accepted = choices.stream().mapToInt(c -> c.outcome().acceptedTokens()).sum();
    return new GenerationResult(
        choices.stream().map(Choice::result).toList(),
        Arrays.stream(request.prompt()).boxed().toList(),
        new Usage(
            request.prompt().length, first.cachedPromptTokens(), generated, drafted, accepted),
        times.timings(first, end));
  }
}

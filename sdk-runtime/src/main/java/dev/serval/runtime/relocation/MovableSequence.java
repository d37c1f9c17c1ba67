package dev.serval.runtime.relocation;

import dev.serval.api.FinishReason;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.SampledToken;
import dev.serval.runtime.generation.PendingSequence;
import org.jspecify.annotations.Nullable;

/** A sequence that may be handed to one engine after the other, until it has had a token. */
final class MovableSequence implements TokenSink, EngineSequence {
  private final RelocatableEngine home;
  private final SequenceRequest request;
  private final TokenSink sink;
  private final long submittedNanos;
  private final boolean further;
  private final PendingSequence handle = new PendingSequence();
  private int engines;
  private boolean wasLetIn;
  private boolean hasWaited;
  private boolean hasTokens;

  MovableSequence(
      RelocatableEngine home,
      SequenceRequest request,
      TokenSink sink,
      long submittedNanos,
      boolean further) {
    this.home = home;
    this.request = request;
    this.sink = sink;
    this.submittedNanos = submittedNanos;
    this.further = further;
  }

  /** Gives it to an engine; one that was let in before is not asked for again. */
  void submit(Engine engine) {
    int mine = nextEngine();
    bind(
        mine,
        further || wasLetIn ? engine.submitFurther(request, this) : engine.submit(request, this));
  }

  private synchronized int nextEngine() {
    return ++engines;
  }

  /** An engine may be left before its caller has the handle: by then the next one's counts. */
  private synchronized void bind(int number, EngineSequence given) {
    if (number == engines) {
      handle.bind(given);
    }
  }

  /** Gives it to the engine where the model has settled; a refusal is its end. */
  void handOver(Engine engine) {
    hasWaited = true;
    try {
      submit(engine);
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  /** Ends it where it is in no engine. */
  void fail(RuntimeException reason) {
    sink.ended(failed(none(home.nanos()), reason));
  }

  /** Ends it where it never came into an engine again. */
  void cancelAt(long nanos) {
    sink.ended(none(nanos));
  }

  private SequenceOutcome none(long nanos) {
    return SequenceOutcome.givenUp(request.prompt().length, submittedNanos, nanos);
  }

  boolean hasTokens() {
    return hasTokens;
  }

  boolean isCancelled() {
    return handle.isCancelled();
  }

  @Override
  public Verdict token(SampledToken token) {
    hasTokens = true;
    return sink.token(token);
  }

  @Override
  public void ended(SequenceOutcome outcome) {
    wasLetIn = true;
    SequenceOutcome last = home.keep(this, outcome);
    if (last != null) {
      sink.ended(hasWaited ? since(last, submittedNanos) : last);
    }
  }

  static SequenceOutcome failed(SequenceOutcome outcome, Throwable failure) {
    return with(outcome, failure, outcome.submittedNanos());
  }

  private static SequenceOutcome since(SequenceOutcome outcome, long nanos) {
    return with(outcome, outcome.failure(), nanos);
  }

  private static SequenceOutcome with(
      SequenceOutcome outcome, @Nullable Throwable failure, long submittedNanos) {
    return new SequenceOutcome(
        failure == null ? outcome.reason() : FinishReason.CANCELLED,
        failure,
        outcome.promptTokens(),
        outcome.cachedPromptTokens(),
        outcome.generatedTokens(),
        outcome.preemptions(),
        outcome.draftedTokens(),
        outcome.acceptedTokens(),
        submittedNanos,
        outcome.firstStepNanos(),
        outcome.firstTokenNanos(),
        outcome.endedNanos(),
        outcome.timeline());
  }

  @Override
  public void cancel() {
    handle.cancel();
  }

  @Override
  public void resume() {
    handle.resume();
  }
}

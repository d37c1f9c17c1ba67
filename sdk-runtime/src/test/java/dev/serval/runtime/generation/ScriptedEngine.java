package dev.serval.runtime.generation;

import dev.serval.api.FinishReason;
import dev.serval.api.RequestRejectedException;
import dev.serval.api.Timeline;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.batching.TokenSink.Verdict;
import dev.serval.api.model.SampledToken;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** An engine whose every token is given by the test, on the test's thread. */
final class ScriptedEngine implements Engine {
  final List<Scripted> sequences = new ArrayList<>();
  private final AdmissionPolicy admission;
  private final LongSupplier clock;
  private boolean closed;

  ScriptedEngine(AdmissionPolicy admission, LongSupplier clock) {
    this.admission = admission;
    this.clock = clock;
  }

  @Override
  public EngineSequence submit(SequenceRequest request, TokenSink sink) {
    requireAdmission(Applicant.of(request));
    return submitFurther(request, sink);
  }

  @Override
  public void requireAdmission(Applicant applicant) {
    requireOpen();
    admission
        .refusal(applicant, load())
        .ifPresent(refusal -> {
          throw refusal.exception();
        });
  }

  private void requireOpen() {
    if (closed) {
      throw new RequestRejectedException(
          RequestRejectedException.Reason.CLOSING, "the engine is closing", null);
    }
  }

  @Override
  public EngineSequence submitFurther(SequenceRequest request, TokenSink sink) {
    requireOpen();
    Scripted sequence = new Scripted(request, sink);
    sequences.add(sequence);
    return sequence;
  }

  @Override
  public int maxSequenceTokens() {
    return 1000;
  }

  @Override
  public EngineLoad load() {
    return new EngineLoad(0, sequences.size(), 1, 1);
  }

  @Override
  public void drain() {
    closed = true;
  }

  @Override
  public void close() {
    closed = true;
    sequences.forEach(Scripted::cancel);
    sequences.forEach(Scripted::endIfCancelled);
  }

  /** One sequence; keeps the rules of the sink as a real engine does. */
  final class Scripted implements EngineSequence {
    final SequenceRequest request;
    private final TokenSink sink;
    private final long submitted = clock.getAsLong();
    private long firstToken;
    int generated;
    int resumptions;
    boolean paused;
    boolean cancelled;
    boolean ended;

    Scripted(SequenceRequest request, TokenSink sink) {
      this.request = request;
      this.sink = sink;
    }

    /** Gives the text's bytes as tokens, for as long as the sink wants them. */
    void text(String text) {
      for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
        if (!ended && !paused) {
          token(b & 0xFF);
        }
      }
    }

    void token(int id) {
      SampledToken token = new SampledToken(2);
      token.set(id);
      token(token);
    }

    void token(SampledToken token) {
      if (endIfCancelled()) {
        return;
      }
      firstToken = generated == 0 ? clock.getAsLong() : firstToken;
      generated++;
      Verdict verdict;
      try {
        verdict = sink.token(token);
      } catch (RuntimeException e) {
        fail(e);
        return;
      }
      if (request.stopTokens().contains(token.id()) || verdict == Verdict.STOP) {
        end(FinishReason.STOP, null);
      } else if (generated == request.maxTokens()) {
        end(FinishReason.LENGTH, null);
      } else {
        paused = verdict == Verdict.PAUSE;
      }
    }

    void fail(Throwable failure) {
      end(FinishReason.CANCELLED, failure);
    }

    boolean endIfCancelled() {
      if (cancelled && !ended) {
        end(FinishReason.CANCELLED, null);
      }
      return cancelled;
    }

    private void end(FinishReason reason, @Nullable Throwable failure) {
      ended = true;
      long now = clock.getAsLong();
      sink.ended(
          new SequenceOutcome(
              reason,
              failure,
              request.prompt().length,
              2,
              generated,
              0,
              0,
              0,
              submitted,
              submitted,
              generated == 0 ? now : firstToken,
              now,
              request.explained() ? decoded(now - submitted) : null));
    }

    private Timeline decoded(long nanos) {
      return new Timeline(
          List.of(
              new Timeline.Span(
                  Timeline.Cause.DECODE, Duration.ZERO, Duration.ofNanos(nanos), generated)));
    }

    @Override
    public void cancel() {
      cancelled = true;
    }

    @Override
    public void resume() {
      resumptions++;
      paused = false;
    }
  }
}

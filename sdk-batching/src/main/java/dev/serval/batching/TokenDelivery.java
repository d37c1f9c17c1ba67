package dev.serval.batching;

import dev.serval.api.FinishReason;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.compute.Logits;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.SampledToken;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What follows a computed step: its blocks are published, tokens are drawn and handed to their
 * sinks. What goes wrong with one sequence fails that one alone.
 */
final class TokenDelivery {
  private final ModelExecutor executor;
  private final Roster roster;
  private final Endings endings;
  private final EngineListener listener;
  private final LongSupplier clock;

  TokenDelivery(
      ModelExecutor executor,
      Roster roster,
      Endings endings,
      EngineListener listener,
      LongSupplier clock) {
    this.executor = executor;
    this.roster = roster;
    this.endings = endings;
    this.listener = listener;
    this.clock = clock;
  }

  void deliver(Step step, Logits logits) {
    for (int i = 0; i < step.sequences(); i++) {
      Sequence sequence = step.member(i);
      FinishReason end;
      try {
        sequence.advance(step.planned(i));
        int row = step.batch().logitRow(i);
        end = row < 0 ? null : draw(sequence, logits, row, step.drafted(i));
        roster.note(sequence);
      } catch (RuntimeException | Error e) {
        endings.fail(sequence, e);
        continue;
      }
      if (end != null) {
        endings.finish(sequence, end);
      }
    }
  }

  /**
   * Draws and hands over a token, and one more after each that was guessed, as long as its reader
   * follows; says why the last one was the last of all, if it was.
   */
  private @Nullable FinishReason draw(Sequence sequence, Logits logits, int row, int drafted) {
    SampledToken token = sequence.drawn();
    int accepted = 0;
    while (true) {
      sequence.sampler(executor).sample(logits, row + accepted, token);
      boolean guessed = accepted < drafted && sequence.guessed(token.id());
      FinishReason end = hand(sequence, token);
      accepted += guessed ? 1 : 0;
      if (!guessed || end != null || !sequence.isRunning()) {
        learn(sequence, drafted, accepted);
        return end;
      }
      sequence.accept();
    }
  }

  private void learn(Sequence sequence, int drafted, int accepted) {
    if (drafted > 0) {
      sequence.guesses().verified(drafted, accepted);
      listener.verified(sequence, drafted, accepted);
    } else {
      sequence.guesses().unguessed();
    }
  }

  /** Hands over a token, and says why it was the last, if it was. */
  private @Nullable FinishReason hand(Sequence sequence, SampledToken token) {
    int id = token.id();
    long since = sequence.append(id, clock.getAsLong());
    listener.token(sequence, since, sequence.generated() == 1);
    sequence.handle().dropStaleResumption();
    TokenSink.Verdict verdict = sequence.sink().token(token);
    if (sequence.stopsAt(id)) {
      return FinishReason.STOP;
    }
    if (sequence.remainingTokens() == 0) {
      return FinishReason.LENGTH;
    }
    return switch (verdict) {
      case CONTINUE -> null;
      case PAUSE -> {
        roster.pause(sequence);
        yield null;
      }
      case STOP -> FinishReason.STOP;
    };
  }
}

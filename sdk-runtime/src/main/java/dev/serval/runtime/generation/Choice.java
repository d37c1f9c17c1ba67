package dev.serval.runtime.generation;

import dev.serval.api.FinishReason;
import dev.serval.api.GenerationResult;
import dev.serval.api.TokenChunk;
import dev.serval.api.TokenLogprob;
import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.batching.TokenSink;
import dev.serval.api.model.AnswerDecoder.Piece;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One choice of a generation, as its engine drives it: tokens become chunks. A token that is known
 * to be the last waits for the end, so that its chunk can say why the choice ended.
 *
 * <p>Belongs to the engine's thread, but for the handle on its sequence.
 */
final class Choice implements TokenSink {
  private final int index;
  private final PreparedRequest request;
  private final Tokenizer tokenizer;
  private final LiveGeneration generation;
  private final PendingSequence sequence = new PendingSequence();
  private final ChoiceText text;
  private final List<Integer> tokens = new ArrayList<>();
  private final List<TokenLogprob> logprobs = new ArrayList<>();
  private @Nullable TokenChunk last;
  private @Nullable SequenceOutcome outcome;
  private FinishReason reason = FinishReason.CANCELLED;

  Choice(
      int index,
      PreparedRequest request,
      StopStrings stops,
      TextCodec codec,
      LiveGeneration generation) {
    this.index = index;
    this.request = request;
    this.tokenizer = codec.tokenizer();
    this.generation = generation;
    this.text = new ChoiceText(codec.decoder(request.request().prompt(), request.prompt()), stops);
  }

  int index() {
    return index;
  }

  PendingSequence sequence() {
    return sequence;
  }

  int tokenCount() {
    return tokens.size();
  }

  /** How it ended; asked only once it has. */
  SequenceOutcome outcome() {
    return Objects.requireNonNull(outcome);
  }

  GenerationResult.Choice result() {
    return new GenerationResult.Choice(text.whole(), text.reasoning(), tokens, logprobs, reason);
  }

  @Override
  public Verdict token(SampledToken token) {
    tokens.add(token.id());
    generation.drew(this);
    TokenChunk chunk = chunk(token);
    if (text.stopped()) {
      last = chunk;
      return Verdict.STOP;
    }
    if (tokens.size() == request.maxTokens() || request.stopTokens().contains(token.id())) {
      last = chunk;
      return Verdict.CONTINUE;
    }
    return generation.put(chunk, this);
  }

  private TokenChunk chunk(SampledToken token) {
    int id = token.id();
    boolean silent = request.endTokens().contains(id) || id >= tokenizer.vocabulary();
    Piece piece = silent ? Piece.NONE : text.next(id);
    List<TokenLogprob> probabilities = List.of();
    if (request.request().logprobs().isPresent()) {
      probabilities = List.of(logprob(token));
      logprobs.addAll(probabilities);
    }
    return new TokenChunk(index, piece.text(), piece.reasoning(), List.of(id), probabilities, null);
  }

  private TokenLogprob logprob(SampledToken token) {
    List<TokenLogprob.Alternative> alternatives = new ArrayList<>(token.alternatives());
    for (int i = 0; i < token.alternatives(); i++) {
      int id = token.alternativeId(i);
      alternatives.add(new TokenLogprob.Alternative(id, textOf(id), token.alternativeLogprob(i)));
    }
    return new TokenLogprob(token.id(), textOf(token.id()), token.logprob(), alternatives);
  }

  /** Models may know more tokens than their tokenizer, which then has no text for them. */
  private String textOf(int id) {
    return id < tokenizer.vocabulary() ? tokenizer.text(id) : "";
  }

  @Override
  public void ended(SequenceOutcome how) {
    outcome = how;
    Throwable failure = how.failure();
    if (failure == null) {
      failure = finish(how.reason());
    }
    generation.ended(this, failure);
  }

  private @Nullable Throwable finish(FinishReason how) {
    try {
      Piece rest = text.finish();
      reason = text.stopped() ? FinishReason.STOP : how;
      generation.put(lastChunk(rest), this);
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  private TokenChunk lastChunk(Piece rest) {
    if (last == null) {
      return new TokenChunk(index, rest.text(), rest.reasoning(), List.of(), List.of(), reason);
    }
    Piece end = new Piece(last.reasoning(), last.text()).and(rest);
    return new TokenChunk(
        index, end.text(), end.reasoning(), last.tokenIds(), last.logprobs(), reason);
  }
}

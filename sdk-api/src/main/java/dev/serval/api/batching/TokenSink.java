package dev.serval.api.batching;

import dev.serval.api.model.SampledToken;

/**
 * Hears what becomes of a sequence. Called on the engine's thread, so it must be quick and never
 * wait. What it throws fails its own sequence alone.
 */
public interface TokenSink {
  /** What the engine shall do after a token. */
  enum Verdict {
    /** Generate on. */
    CONTINUE,
    /** Leave the sequence out of further steps until it is resumed; it keeps its blocks. */
    PAUSE,
    /** End the sequence here, as if the model had ended it. */
    STOP
  }

  /**
   * A token was generated, the one that ends the sequence included.
   *
   * @param token the token, valid during the call
   * @return what to do next; ignored if this was the last token anyway
   */
  Verdict token(SampledToken token);

  /**
   * The sequence has ended and holds no block any more. Called exactly once, after the last token.
   *
   * @param outcome how it ended
   */
  void ended(SequenceOutcome outcome);
}

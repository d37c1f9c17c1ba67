package dev.serval.api.batching;

/** A sequence as a {@link DraftPolicy} sees it. */
public interface DraftedSequence extends SequenceView {
  /**
   * Its tokens.
   *
   * @return those from 0 to {@link #totalTokens()}; what lies behind them has no meaning. Not to be
   *     changed, nor kept
   */
  int[] tokens();

  /**
   * The tokens that its answer is expected to have.
   *
   * @return as its request has them, none as a rule; not to be changed
   */
  int[] prediction();
}

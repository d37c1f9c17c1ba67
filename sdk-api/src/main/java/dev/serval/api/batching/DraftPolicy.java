package dev.serval.api.batching;

/**
 * Guesses how sequences go on, so that a step can verify several of a sequence's tokens at once
 * (speculative decoding, <a href="https://arxiv.org/abs/2211.17192">arXiv:2211.17192</a>). What is
 * guessed wrong costs time and changes nothing: a drafted token counts only where the sequence's
 * own sampler draws the same, so answers have the tokens that they have without drafts, however
 * they are drawn.
 *
 * <p>Asked on the engine's thread while a step of decodes is planned, once for each of them at
 * most; quick beside a step, and without a memory of its own of what it saw.
 */
@FunctionalInterface
public interface DraftPolicy {
  /** Guesses nothing. */
  DraftPolicy NONE =
      new DraftPolicy() {
        @Override
        public int draft(DraftedSequence sequence, int[] draft, int most) {
          return 0;
        }

        @Override
        public String toString() {
          return "none";
        }
      };

  /**
   * Guesses the tokens that follow a sequence's last.
   *
   * @param sequence the sequence, which has answered already; valid during the call
   * @param draft where the guesses go, from 0
   * @param most how many of them are worth their time, at least 1
   * @return how many there are, from 0 to {@code most}
   */
  int draft(DraftedSequence sequence, int[] draft, int most);

  /**
   * Whether it guesses for those sequences alone that have a {@linkplain
   * DraftedSequence#prediction() prediction}, so that it need not be asked about others.
   *
   * @return true if it answers 0 for all others; asked once
   */
  default boolean ofPredictionsAlone() {
    return false;
  }
}

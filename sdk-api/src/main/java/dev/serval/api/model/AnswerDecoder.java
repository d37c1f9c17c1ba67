package dev.serval.api.model;

/**
 * Decodes what a model says as it grows: apart what it thinks and what it answers. The pieces of
 * each, put together, are the whole of it; none of them ends within a character. For one thread at
 * a time.
 */
public interface AnswerDecoder {
  /**
   * What has become certain.
   *
   * @param reasoning of what the model thinks; may be empty
   * @param text of what it answers; may be empty
   */
  record Piece(String reasoning, String text) {
    /** Neither. */
    public static final Piece NONE = new Piece("", "");

    /**
     * A piece of an answer.
     *
     * @param text the text
     * @return the piece
     */
    public static Piece text(String text) {
      return text.isEmpty() ? NONE : new Piece("", text);
    }

    /**
     * A piece of thought.
     *
     * @param reasoning the thought
     * @return the piece
     */
    public static Piece reasoning(String reasoning) {
      return reasoning.isEmpty() ? NONE : new Piece(reasoning, "");
    }

    /**
     * Both of these, this one first.
     *
     * @param next what comes then
     * @return the piece
     */
    public Piece and(Piece next) {
      return new Piece(reasoning + next.reasoning, text + next.text);
    }
  }

  /**
   * Takes the next token.
   *
   * @param id the token; special tokens give no text
   * @return what is now certain
   * @throws dev.serval.api.InvalidRequestException when the id is outside the vocabulary
   */
  Piece next(int id);

  /**
   * Ends the answer.
   *
   * @return what was held back
   */
  Piece finish();

  /**
   * One that takes all of a sequence for the answer.
   *
   * @param decoder decodes it
   * @return the decoder
   */
  static AnswerDecoder plain(TokenDecoder decoder) {
    return new AnswerDecoder() {
      @Override
      public Piece next(int id) {
        return Piece.text(decoder.next(id));
      }

      @Override
      public Piece finish() {
        return Piece.text(decoder.finish());
      }
    };
  }
}

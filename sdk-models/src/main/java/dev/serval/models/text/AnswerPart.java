package dev.serval.models.text;

import dev.serval.api.model.AnswerDecoder.Piece;
import dev.serval.api.model.TokenDecoder;

/** A stretch of what a model says, which is a thought or an answer. */
final class AnswerPart {
  private final TokenDecoder decoder;
  private final boolean thought;
  private final StringBuilder held = new StringBuilder();
  private boolean stripping;

  /**
   * Begins a stretch.
   *
   * @param decoder decodes it
   * @param thought whether it is a thought, which ends without white space, too
   * @param stripping whether white space at its beginning is left out
   */
  AnswerPart(TokenDecoder decoder, boolean thought, boolean stripping) {
    this.decoder = decoder;
    this.thought = thought;
    this.stripping = stripping;
  }

  Piece next(int id) {
    return piece(decoder.next(id));
  }

  /** White space at the end of a thought goes with it. */
  Piece finish() {
    return piece(decoder.finish());
  }

  private Piece piece(String text) {
    String begun = stripping ? text.stripLeading() : text;
    stripping &= begun.isEmpty();
    return thought ? Piece.reasoning(upToWhiteSpace(begun)) : Piece.text(begun);
  }

  /** What was held back and this, but for white space at the end, which is held back now. */
  private String upToWhiteSpace(String text) {
    held.append(text);
    int end = held.length();
    while (end > 0 && Character.isWhitespace(held.charAt(end - 1))) {
      end--;
    }
    String certain = held.substring(0, end);
    held.delete(0, end);
    return certain;
  }
}

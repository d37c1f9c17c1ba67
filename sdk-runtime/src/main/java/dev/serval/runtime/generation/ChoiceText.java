package dev.serval.runtime.generation;

import dev.serval.api.model.AnswerDecoder;
import dev.serval.api.model.AnswerDecoder.Piece;

/**
 * The text of one choice as it grows: whole characters, and nothing of a stop string. Stop strings
 * are looked for in what the model answers, and not in what it thinks.
 */
final class ChoiceText {
  private final AnswerDecoder decoder;
  private final StopStrings.Scanner scanner;
  private final StringBuilder whole = new StringBuilder();
  private final StringBuilder reasoning = new StringBuilder();

  ChoiceText(AnswerDecoder decoder, StopStrings stops) {
    this.decoder = decoder;
    this.scanner = stops.scanner();
  }

  /** Takes a token and gives the text that is now certain. */
  Piece next(int token) {
    Piece piece = decoder.next(token);
    return grown(piece.reasoning(), scanner.next(piece.text()));
  }

  /** Ends the text and gives what was held back of it. */
  Piece finish() {
    if (scanner.stopped()) {
      return Piece.NONE;
    }
    Piece rest = decoder.finish();
    return grown(rest.reasoning(), scanner.next(rest.text()) + scanner.finish());
  }

  /** Whether a stop string was met. */
  boolean stopped() {
    return scanner.stopped();
  }

  /** All the text so far. */
  String whole() {
    return whole.toString();
  }

  /** All that was thought so far. */
  String reasoning() {
    return reasoning.toString();
  }

  private Piece grown(String thought, String text) {
    reasoning.append(thought);
    whole.append(text);
    return new Piece(thought, text);
  }
}

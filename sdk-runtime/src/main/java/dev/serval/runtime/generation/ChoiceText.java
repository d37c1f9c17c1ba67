package dev.serval.runtime.generation;

import dev.serval.api.model.TokenDecoder;

/** The text of one choice as it grows: whole characters, and nothing of a stop string. */
final class ChoiceText {
  private final TokenDecoder decoder;
  private final StopStrings.Scanner scanner;
  private final StringBuilder whole = new StringBuilder();

  ChoiceText(TokenDecoder decoder, StopStrings stops) {
    this.decoder = decoder;
    this.scanner = stops.scanner();
  }

  /** Takes a token and gives the text that is now certain. */
  String next(int token) {
    return grown(scanner.next(decoder.next(token)));
  }

  /** Ends the text and gives what was held back of it. */
  String finish() {
    if (scanner.stopped()) {
      return "";
    }
    return grown(scanner.next(decoder.finish()) + scanner.finish());
  }

  /** Whether a stop string was met. */
  boolean stopped() {
    return scanner.stopped();
  }

  /** All the text so far. */
  String whole() {
    return whole.toString();
  }

  private String grown(String piece) {
    whole.append(piece);
    return piece;
  }
}

package dev.serval.models.text;

import java.util.List;

/**
 * One step from tokens to text, for one sequence: tokens as the vocabulary spells them come in,
 * text goes out, or what the next stage takes.
 */
@FunctionalInterface
interface DecoderStage {
  /**
   * Takes the next piece.
   *
   * @param piece the piece
   * @param first whether it is the sequence's first
   * @return what is certain by now
   */
  String next(String piece, boolean first);

  /** Ends the sequence and gives what was held back. */
  default String finish() {
    return "";
  }

  /** All of these, one after the other. */
  static DecoderStage chain(List<DecoderStage> stages) {
    return new DecoderStage() {
      @Override
      public String next(String piece, boolean first) {
        for (DecoderStage stage : stages) {
          piece = stage.next(piece, first);
        }
        return piece;
      }

      @Override
      public String finish() {
        String rest = "";
        for (DecoderStage stage : stages) {
          rest = (rest.isEmpty() ? "" : stage.next(rest, false)) + stage.finish();
        }
        return rest;
      }
    };
  }
}

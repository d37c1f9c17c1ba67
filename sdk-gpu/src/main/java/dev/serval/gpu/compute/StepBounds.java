package dev.serval.gpu.compute;

/**
 * What grids are sized for: at least what the step at hand has. Steps that share bounds are
 * launched alike, so that a record of one can be replayed for another.
 */
final class StepBounds {
  private int rows;
  private int sequences;
  private int logitRows;
  private int tiles;
  private int parts;
  private int draws;

  /** For this step and no other. */
  void exactly(StepImage image) {
    rows = image.rows();
    sequences = image.sequences();
    logitRows = image.logitRows();
    tiles = image.tiles();
    parts = image.parts();
    draws = image.draws();
  }

  /** For all decodes of so many sequences and parts. */
  void decodes(int mostSequences, int mostParts) {
    rows = mostSequences;
    sequences = mostSequences;
    logitRows = mostSequences;
    tiles = 0;
    parts = mostParts;
    draws = mostSequences;
  }

  /** For one draw and nothing else. */
  void oneDraw() {
    rows = 0;
    sequences = 0;
    logitRows = 0;
    tiles = 0;
    parts = 0;
    draws = 1;
  }

  int rows() {
    return rows;
  }

  int sequences() {
    return sequences;
  }

  int logitRows() {
    return logitRows;
  }

  int tiles() {
    return tiles;
  }

  int parts() {
    return parts;
  }

  int draws() {
    return draws;
  }
}

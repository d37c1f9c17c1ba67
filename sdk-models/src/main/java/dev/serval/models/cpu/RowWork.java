package dev.serval.models.cpu;

/** Work on each row of a step by itself; a part is a run of rows. */
abstract class RowWork implements WorkCrew.Work {
  private static final int WORTH_SHARING = 1 << 13;

  private int rows;
  private int parts;

  /** How many rows there are, and how many elements each has. */
  void share(int rowCount, int columns, int workers) {
    rows = rowCount;
    boolean share = (long) rowCount * columns >= WORTH_SHARING;
    parts = share ? Math.min(rowCount, workers) : 1;
  }

  /** Works on one row. */
  abstract void row(int row);

  int parts() {
    return parts;
  }

  @Override
  public void part(int part, int worker) {
    int to = (int) ((long) rows * (part + 1) / parts);
    for (int row = (int) ((long) rows * part / parts); row < to; row++) {
      row(row);
    }
  }
}

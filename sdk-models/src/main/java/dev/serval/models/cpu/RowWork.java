package dev.serval.models.cpu;

/** Work on each row of a step by itself; a part is a run of rows. */
abstract class RowWork implements WorkCrew.Work {
  private static final int OPERATIONS_PER_ELEMENT = 8;

  private int rows;
  private int columns;
  private int parts;

  /** How many rows there are, how many elements each has, and how many may share them. */
  void share(int rowCount, int columnCount, int workers) {
    rows = rowCount;
    columns = columnCount;
    parts = Math.min(rowCount, workers);
  }

  /**
   * Works on one row.
   *
   * @param row which
   * @param worker who works
   */
  abstract void row(int row, int worker);

  @Override
  public int parts() {
    return parts;
  }

  @Override
  public long operations() {
    return (long) rows * columns * OPERATIONS_PER_ELEMENT;
  }

  @Override
  public void part(int part, int worker) {
    int to = (int) ((long) rows * (part + 1) / parts);
    for (int row = (int) ((long) rows * part / parts); row < to; row++) {
      row(row, worker);
    }
  }
}

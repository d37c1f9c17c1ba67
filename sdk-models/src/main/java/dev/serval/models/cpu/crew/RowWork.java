package dev.serval.models.cpu.crew;

/**
 * Work on each row of a step by itself; a part is a run of rows. Of many rows there are more parts
 * than workers, so that these end together.
 */
public abstract class RowWork implements WorkCrew.Work {
  private static final int OPERATIONS_PER_ELEMENT = 8;

  /** So many that claiming a part takes next to no time. */
  private static final int PART_ELEMENTS = 1 << 14;

  private static final int PARTS_PER_WORKER = 8;

  private int rows;
  private int columns;
  private int parts;

  /** Has a crew work on so many rows of so many elements. */
  public final void run(int rowCount, int columnCount, WorkCrew crew) {
    share(rowCount, columnCount, crew.size());
    crew.run(this);
  }

  /** How many rows there are, how many elements each has, and how many may share them. */
  final void share(int rowCount, int columnCount, int workers) {
    rows = rowCount;
    columns = columnCount;
    long worth = (long) rowCount * columnCount / PART_ELEMENTS;
    parts = Math.min(rowCount, Math.clamp(worth, workers, PARTS_PER_WORKER * workers));
  }

  /**
   * Has what a row will be made of brought into the caches, before the row ahead of it is worked
   * on.
   *
   * @param row which
   */
  protected void ask(int row) {}

  /**
   * Works on one row.
   *
   * @param row which
   * @param worker who works
   */
  protected abstract void row(int row, int worker);

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
      if (row + 1 < to) {
        ask(row + 1);
      }
      row(row, worker);
    }
  }
}

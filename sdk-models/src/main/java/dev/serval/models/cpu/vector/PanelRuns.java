package dev.serval.models.cpu.vector;

/** How a matrix's panels are shared out. */
final class PanelRuns {
  private PanelRuns() {}

  /** Runs of at most so many panels: equally many for each worker, if there are enough. */
  static int count(int panels, int most, int workers) {
    int runs = Math.ceilDiv(Math.ceilDiv(panels, most), workers) * workers;
    return Math.min(runs, panels);
  }

  /** The first panel of a run, or behind the last of the one before it. */
  static int first(int panels, int runs, int run) {
    return (int) ((long) panels * run / runs);
  }
}

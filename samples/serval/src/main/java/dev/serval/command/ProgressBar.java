package dev.serval.command;

import dev.serval.api.LoadListener;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * A bar that grows in one line of a terminal and is gone in the end. It does not show for what is
 * done in a moment, and is silent where there is no terminal.
 */
final class ProgressBar implements LoadListener, AutoCloseable {
  private static final int WIDTH = 30;
  private static final long PATIENCE = Duration.ofMillis(300).toNanos();
  private static final long INTERVAL = Duration.ofMillis(100).toNanos();
  private static final String CLEAR = "\r\033[K";

  private final PrintStream out;
  private final boolean visible;
  private final LongSupplier nanoTime;
  private long next;
  private boolean drawn;

  ProgressBar(Console console, LongSupplier nanoTime) {
    this.out = console.err();
    this.visible = console.showsProgress();
    this.nanoTime = nanoTime;
    this.next = nanoTime.getAsLong() + PATIENCE;
  }

  @Override
  public synchronized void progress(String stage, long done, long total) {
    long now = nanoTime.getAsLong();
    if (visible && now - next >= 0) {
      next = now + INTERVAL;
      drawn = true;
      out.print(CLEAR + line(stage, done, total));
      out.flush();
    }
  }

  private static String line(String stage, long done, long total) {
    double share = Math.clamp((double) done / total, 0, 1);
    int full = (int) (share * WIDTH);
    return String.format(
        Locale.ROOT,
        "%s [%s%s] %3d%%",
        stage,
        "#".repeat(full),
        " ".repeat(WIDTH - full),
        (int) (share * 100));
  }

  @Override
  public synchronized void close() {
    if (drawn) {
      drawn = false;
      out.print(CLEAR);
      out.flush();
    }
  }
}

package dev.serval.command;

import dev.serval.api.LoadListener;

/**
 * Has the heap collected when weights begin to be loaded: reading a tokenizer takes more of it for
 * a moment than serving ever does, and what comes next is the most that is in memory at once.
 */
final class TokenizerGarbage implements LoadListener {
  private final LoadListener next;
  private boolean collected;

  /**
   * A collector.
   *
   * @param next who hears all of it, too
   */
  TokenizerGarbage(LoadListener next) {
    this.next = next;
  }

  @Override
  public void progress(String stage, long done, long total) {
    if (!collected && stage.equals("weights")) {
      collected = true;
      System.gc();
    }
    next.progress(stage, done, total);
  }
}

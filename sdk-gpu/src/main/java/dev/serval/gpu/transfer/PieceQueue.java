package dev.serval.gpu.transfer;

import dev.serval.api.gpu.Transfer;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferPriority;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The batches whose files and other memory of the host wait for readers, cut into pieces as readers
 * ask for them: urgent ones first, and of one priority one batch after the other. Each batch has
 * one share as long as it is in here. Safe for use by several threads.
 */
final class PieceQueue {
  private final TransferOptions options;
  private final Line urgent = new Line();
  private final Line background = new Line();
  private boolean closed;

  PieceQueue(TransferOptions options) {
    this.options = options;
  }

  /** The batches of one priority, and how far the first of them has come. */
  private static final class Line {
    private final ArrayDeque<TransferBatch> batches = new ArrayDeque<>();
    private int index;
    private long offset;

    void next() {
      index++;
      offset = 0;
    }

    TransferBatch remove() {
      index = 0;
      offset = 0;
      return batches.remove();
    }
  }

  /** Whether a transfer goes by way of a reader. */
  static boolean takes(Transfer transfer) {
    return transfer.kind() != Transfer.Kind.REGION_TO_REGION;
  }

  synchronized void add(TransferBatch batch) {
    line(batch).batches.add(batch);
    notifyAll();
  }

  private Line line(TransferBatch batch) {
    return batch.priority() == TransferPriority.URGENT ? urgent : background;
  }

  /** Takes a cancelled batch out, if it is in here; its share is the caller's then. */
  boolean remove(TransferBatch batch) {
    synchronized (this) {
      Line line = line(batch);
      if (line.batches.peek() == batch) {
        line.remove();
        return true;
      }
      return line.batches.remove(batch);
    }
  }

  /**
   * Gives the next piece, with a share of its batch.
   *
   * @return whether there is one now
   */
  boolean take(Piece piece) {
    while (true) {
      TransferBatch done;
      synchronized (this) {
        Line line = urgent.batches.isEmpty() ? background : urgent;
        if (line.batches.isEmpty()) {
          return false;
        }
        if (cut(line, piece)) {
          return true;
        }
        done = line.remove();
      }
      done.end();
    }
  }

  /** Cuts a piece of the line's first batch; false when nothing more of it is to begin. */
  private boolean cut(Line line, Piece piece) {
    TransferBatch batch = line.batches.element();
    Transfer transfer = current(line, batch);
    if (transfer == null || !batch.begin()) {
      return false;
    }
    long length = Math.min(transfer.bytes() - line.offset, most(batch, transfer, line.offset));
    piece.take(batch, transfer, line.offset, length);
    line.offset += length;
    return true;
  }

  private static @Nullable Transfer current(Line line, TransferBatch batch) {
    for (; line.index < batch.size(); line.next()) {
      Transfer transfer = batch.transfer(line.index);
      if (takes(transfer) && line.offset < transfer.bytes()) {
        return transfer;
      }
    }
    return null;
  }

  /** Pieces of files end where pages do, so that only the first and the last are unaligned. */
  private long most(TransferBatch batch, Transfer transfer, long offset) {
    long slab = options.slab().count();
    if (batch.priority() == TransferPriority.BACKGROUND) {
      slab = Math.min(slab, options.backgroundPiece().count() & -TransferOptions.PAGE);
    }
    if (transfer.kind() != Transfer.Kind.FILE_TO_REGION) {
      return slab;
    }
    return slab - ((transfer.file().offset() + offset) & (TransferOptions.PAGE - 1));
  }

  /** Waits for something to come in; false when nothing comes any more. */
  synchronized boolean await() {
    boolean interrupted = false;
    while (!closed && urgent.batches.isEmpty() && background.batches.isEmpty()) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return !closed;
  }

  /** Takes nothing out any more; batches in here are cancelled. */
  void close() {
    ArrayDeque<TransferBatch> left = new ArrayDeque<>();
    synchronized (this) {
      closed = true;
      while (!urgent.batches.isEmpty()) {
        left.add(urgent.remove());
      }
      while (!background.batches.isEmpty()) {
        left.add(background.remove());
      }
      notifyAll();
    }
    for (TransferBatch batch : left) {
      batch.stop();
      batch.end();
    }
  }
}

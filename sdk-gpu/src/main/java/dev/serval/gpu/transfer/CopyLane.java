package dev.serval.gpu.transfer;

import dev.serval.api.gpu.Transfer;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPath;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A thread with a stream of the device's copies in one direction, of one priority. It gives the
 * device group after group of copies, one call each, as long as no more than some groups are under
 * way, and ends the shares of those that have ended. In steady state it allocates nothing.
 */
final class CopyLane implements Runnable {
  /** Some copies that were given to the device together. */
  private static final class Group {
    private final CopyStream.Mark mark;
    private @Nullable TransferBatch batch;
    private long bytes;
    private long nanos;

    Group(CopyStream.Mark mark) {
      this.mark = mark;
    }
  }

  private final String direction;
  private final CopyStream stream;
  private final long piece;
  private final List<Group> groups = new ArrayList<>();
  private final ArrayDeque<TransferBatch> queue = new ArrayDeque<>();
  private final SystemCalls system = new SystemCalls();
  private @Nullable TransferBatch current;
  private boolean closed;

  private long taken;
  private long returned;

  /** How far the current batch has come. */
  private int index;

  private long offset;

  /**
   * A lane that has not begun.
   *
   * @param direction which transfers are its, for messages
   * @param piece the most bytes of a group
   * @param depth the most groups under way
   */
  CopyLane(String direction, CopyStream stream, long piece, int depth) {
    this.direction = direction;
    this.stream = stream;
    this.piece = piece;
    for (int i = 0; i < depth; i++) {
      groups.add(new Group(stream.mark()));
    }
  }

  synchronized void add(TransferBatch batch) {
    queue.add(batch);
    notifyAll();
  }

  /** Takes a cancelled batch out, if it has not begun; its share is the caller's then. */
  synchronized boolean remove(TransferBatch batch) {
    return queue.remove(batch);
  }

  /** Takes no more; batches in here are cancelled. */
  void close() {
    List<TransferBatch> left;
    synchronized (this) {
      closed = true;
      left = List.copyOf(queue);
      queue.clear();
      if (current != null) {
        current.stop();
      }
      notifyAll();
    }
    for (TransferBatch batch : left) {
      batch.stop();
      batch.end();
    }
  }

  @Override
  public void run() {
    try {
      stream.attach();
    } catch (RuntimeException | Error e) {
      stream.drain();
    }
    for (TransferBatch batch = take(); batch != null; batch = take()) {
      work(batch);
    }
    stream.drain();
    stream.close();
  }

  /** The next batch; while there is none, groups are waited for, and then the queue. */
  private @Nullable TransferBatch take() {
    while (true) {
      synchronized (this) {
        current = queue.poll();
        if (current != null) {
          return current;
        }
        if (taken == returned) {
          if (closed) {
            return null;
          }
          waitForBatch();
          continue;
        }
      }
      finishOldest();
    }
  }

  private synchronized void waitForBatch() {
    while (queue.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        // Nobody is to end this thread but by closing the lane.
      }
    }
  }

  private void work(TransferBatch batch) {
    index = 0;
    offset = 0;
    while (skip(batch)) {
      if (taken - returned == groups.size()) {
        finishOldest();
      }
      if (!batch.begin()) {
        break;
      }
      give(batch, group(taken));
    }
    synchronized (this) {
      current = null;
    }
    batch.end();
  }

  private Group group(long number) {
    return groups.get((int) (number % groups.size()));
  }

  /** Goes on to the next transfer of this lane's; false when there is none. */
  private boolean skip(TransferBatch batch) {
    for (; index < batch.size(); index++, offset = 0) {
      Transfer transfer = batch.transfer(index);
      if (takes(transfer) && offset < transfer.bytes()) {
        return true;
      }
    }
    return false;
  }

  private boolean takes(Transfer transfer) {
    return direction.equals(direction(transfer));
  }

  /** Which lane a transfer takes; empty when none. */
  static String direction(Transfer transfer) {
    if (transfer.kind() != Transfer.Kind.REGION_TO_REGION) {
      return "";
    }
    return switch (transfer.target().kind()) {
      case DEVICE -> DeviceTransfers.TO_DEVICE;
      case PINNED -> DeviceTransfers.TO_HOST;
    };
  }

  /** Gives the device the next copies. The group is under way afterwards, or has ended. */
  private void give(TransferBatch batch, Group group) {
    long before = system.threadNanos();
    group.batch = batch;
    try {
      group.bytes = note(batch);
      stream.give();
      group.mark.record();
      group.nanos = system.threadNanos() - before;
      taken++;
    } catch (RuntimeException | Error e) {
      stream.drain();
      failed(group, e);
    }
  }

  /** Notes the copies of a group; how many bytes they have. */
  private long note(TransferBatch batch) {
    long bytes = 0;
    for (int i = 0; i < stream.capacity() && bytes < piece && skip(batch); i++) {
      Transfer transfer = batch.transfer(index);
      long length = Math.min(transfer.bytes() - offset, piece - bytes);
      stream.add(transfer.targetAddress() + offset, transfer.sourceAddress() + offset, length);
      offset += length;
      bytes += length;
    }
    return bytes;
  }

  private void finishOldest() {
    Group group = group(returned++);
    long before = system.threadNanos();
    try {
      group.mark.await();
    } catch (RuntimeException | Error e) {
      stream.drain();
      failed(group, e);
      return;
    }
    TransferBatch batch = ended(group);
    long nanos = group.nanos + system.threadNanos() - before;
    batch.moved(TransferPath.REGION_COPY, "", group.bytes, group.bytes, nanos);
    batch.end();
  }

  private static TransferBatch ended(Group group) {
    TransferBatch batch = Objects.requireNonNull(group.batch, "batch");
    group.batch = null;
    return batch;
  }

  private void failed(Group group, Throwable cause) {
    TransferBatch batch = ended(group);
    batch.fail(
        new TransferException(
            "%d bytes could not be copied %s: %s"
                .formatted(group.bytes, direction, cause.getMessage()),
            cause));
    batch.end();
  }
}

package dev.serval.api.gpu;

import java.util.List;

/**
 * Moves bytes into, out of and between the regions of one device. Never blocks who submits, and
 * runs batches side by side: what must come after another batch is submitted after that has ended.
 * Safe for use by several threads.
 */
public interface TransferService extends AutoCloseable {
  /**
   * Takes a batch, whose regions are held from now until it has ended. It ends once, whatever
   * happens: a failure of any transfer stops those that have not begun.
   *
   * @param batch a batch that is being filled
   * @throws IllegalStateException when one of its regions is closed, it is under way already, or
   *     this service is closed; nothing is held then
   */
  void submit(TransferBatch batch);

  /**
   * Stops what of a batch has not begun. It ends when what has begun does, perhaps before this
   * returns; a batch of which everything had begun ends as if nobody had cancelled it. Does nothing
   * to a batch that is not under way.
   *
   * @param batch a batch that was submitted here
   */
  void cancel(TransferBatch batch);

  /**
   * Which ways there are on this machine, and why others are not.
   *
   * @return a sentence each
   */
  List<String> describe();

  /**
   * Takes no more batches, cancels those that are under way, waits for what of them has begun, and
   * ends the threads. Regions are their owners'. Closing again waits as well.
   */
  @Override
  void close();
}

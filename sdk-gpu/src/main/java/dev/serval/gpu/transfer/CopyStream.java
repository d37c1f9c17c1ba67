package dev.serval.gpu.transfer;

/**
 * A queue of copies that a device works off by itself, in their order, after the call that asked
 * for them has returned. Used by one thread at a time, which attaches itself first. Every method
 * but {@link #drain} and {@link #close} fails with an exception that says in a sentence what the
 * device's driver said.
 */
public interface CopyStream extends AutoCloseable {
  /** A place in the stream, which is reached when all copies before it have ended. */
  interface Mark {
    /** Puts the mark behind the copies that were asked for so far, from wherever it was. */
    void record();

    /**
     * Whether it is reached.
     *
     * @return the answer at this moment; true if it was never put anywhere
     */
    boolean reached();

    /** Waits until it is reached, without keeping a processor busy. */
    void await();
  }

  /** Called first by every thread that is going to use this stream. */
  void attach();

  /**
   * Notes a copy between pinned or device memory, to be given to the device with others.
   *
   * @param target the address of the first byte there
   * @param source the address of the first byte here
   * @param bytes how many, more than 0
   */
  void add(long target, long source, long bytes);

  /**
   * How many copies can be noted at a time.
   *
   * @return the most
   */
  int capacity();

  /**
   * Gives the device the copies that were noted, in no order among themselves, by one call where
   * the driver has one. None is noted any more, even when it fails.
   */
  void give();

  /**
   * A mark of this stream's own.
   *
   * @return a new one, which ends with the stream
   */
  Mark mark();

  /**
   * Waits until the device touches nothing any more on behalf of this stream, because it has worked
   * off all copies or because it is lost. Throws nothing.
   */
  void drain();

  /** Ends a stream that has been drained. Throws nothing. */
  @Override
  void close();
}

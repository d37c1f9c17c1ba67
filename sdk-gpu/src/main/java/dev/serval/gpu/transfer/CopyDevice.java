package dev.serval.gpu.transfer;

import dev.serval.api.gpu.TransferPriority;

/** A device as the transfers know it. */
public interface CopyDevice {
  /**
   * The device's id, for names and sentences.
   *
   * @return such as {@code gpu:0}
   */
  String id();

  /**
   * Makes a stream.
   *
   * @param priority how much its copies matter beside other work of the device
   * @return the stream, which the caller drains and closes
   */
  CopyStream stream(TransferPriority priority);

  /**
   * How copies are given to the device.
   *
   * @return a sentence
   */
  String describe();
}
